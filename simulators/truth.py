"""The ground truth: which devices are bad and why, and which windows are over a limit.

Computed here from the columns with plain numpy and never with the rules, so that the rules
can be checked against it. Sums use float64; a window within 0.005 of its limit is no proof.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from domain.site import SiteKind
from simulators.background import city_pm10
from simulators.block import NORMAL, Block, FaultKind
from simulators.cast import Cast
from simulators.randomness import MINUTES, Bools, Floats

VALID_SHARE: Final = 0.75


@dataclass(frozen=True, slots=True)
class Yardstick:
    """A limit as the simulation knows it.

    Attributes:
        factor: the factor.
        minutes: length of the aligned window.
        statistic: ``mean``, ``energy_mean`` or ``max``.
        day: limit from 06:00 to 22:00.
        night: limit from 22:00 to 06:00; null where there is none.
        less_city: whether the city's PM10 of the hour is deducted.
        sensitive: whether it holds only beside noise-sensitive buildings.
    """

    factor: str
    minutes: int
    statistic: str
    day: float | None
    night: float | None
    less_city: bool = False
    sensitive: bool = False


YARDSTICKS: Final = {
    SiteKind.RESTAURANT: (
        Yardstick("oil_fume", 10, "mean", 1.0, 1.0),
        Yardstick("oil_fume", 10, "mean", 2.0, 2.0),
        Yardstick("nmhc", 10, "mean", 10.0, 10.0),
    ),
    SiteKind.CONSTRUCTION: (
        Yardstick("tsp", 15, "mean", 500.0, 500.0),
        Yardstick("pm10", 60, "mean", 80.0, 80.0, less_city=True),
        Yardstick("noise", 20, "energy_mean", 70.0, 55.0, sensitive=True),
        Yardstick("noise_max", 20, "max", None, 70.0, sensitive=True),
    ),
}


class OverLimit(msgspec.Struct, frozen=True, tag_field="truth", tag="window"):
    """A window whose statistic is over a yardstick.

    Attributes:
        device: the device.
        factor: the factor.
        start_ms: start of the window.
        minutes: its length.
        statistic: how ``value`` was made.
        value: the figure, after the city's deduction.
        limit: what it is over.
        n_valid: reports that counted.
    """

    device: str
    factor: str
    start_ms: int
    minutes: int
    statistic: str
    value: float
    limit: float
    n_valid: int


class Culprit(msgspec.Struct, frozen=True, tag_field="truth", tag="culprit"):
    """A device whose site behaves badly on purpose, and why."""

    device: str
    site: str
    why: str


def culprits(cast: Cast) -> Iterator[Culprit]:
    """The devices of a cast whose conduct is not good."""
    for monitor, conduct in zip(cast.monitors, cast.conduct, strict=True):
        if conduct != "good":
            yield Culprit(monitor.device, monitor.site, str(conduct))


def counted(block: Block, factor: str) -> Bools:
    """Which reports of a factor count in a statistic, shape (D, 60)."""
    valid = block.arrives() & (block.flags[block.factors.index(factor)] == NORMAL)
    values = block.values[block.factors.index(factor)]
    spiked = (block.fault == FaultKind.OUT_OF_RANGE) & ((values < 0) | (values > 900))
    spiked |= (block.fault == FaultKind.OUT_OF_RANGE) & (values == 0) & (factor == "noise")
    usable: Bools = valid & ~spiked
    return usable


def statistics(block: Block, yardstick: Yardstick) -> tuple[Floats, Floats]:
    """Statistic and number of valid reports of every aligned window, each shape (D, windows)."""
    shape = (len(block.cast), MINUTES // yardstick.minutes, yardstick.minutes)
    values = block.values[block.factors.index(yardstick.factor)].reshape(shape)
    valid = counted(block, yardstick.factor).reshape(shape)
    number = valid.sum(axis=2).astype(np.float64)
    if yardstick.statistic == "max":
        return np.where(valid, values, -np.inf).max(axis=2), number
    amount = 10 ** (values / 10) if yardstick.statistic == "energy_mean" else values
    mean = np.where(valid, amount, 0).sum(axis=2) / np.maximum(number, 1)
    return 10 * np.log10(np.maximum(mean, 1e-9)) if yardstick.statistic == "energy_mean" else mean, number


def over_limits(block: Block, sensitive: Bools, seed: int, level: float) -> Iterator[OverLimit]:
    """Windows of an hour that are over a yardstick.

    Args:
        block: after its faults.
        sensitive: which devices stand beside noise-sensitive buildings, shape (D,).
        seed: of the simulation.
        level: the city's long-term PM10, µg/m³.
    """
    local_hour = (block.hour + 8) % 24
    night = local_hour < 6 or local_hour >= 22
    for yardstick in YARDSTICKS[block.cast.kind]:
        limit = yardstick.night if night else yardstick.day
        if limit is None:
            continue
        figures, number = statistics(block, yardstick)
        if yardstick.less_city:
            figures = figures - city_pm10(seed, level, np.array([block.hour]))[0]
        over = (figures > limit) & (number >= VALID_SHARE * yardstick.minutes)
        over &= sensitive[:, None] | (not yardstick.sensitive)
        for device, window in np.argwhere(over).tolist():
            yield OverLimit(
                device=block.cast.monitors[device].device,
                factor=yardstick.factor,
                start_ms=(block.hour * MINUTES + window * yardstick.minutes) * 60_000,
                minutes=yardstick.minutes,
                statistic=yardstick.statistic,
                value=round(float(figures[device, window]), 3),
                limit=limit,
                n_valid=int(number[device, window]),
            )
