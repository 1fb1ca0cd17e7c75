"""One hour of one kind of site as columns, between behaviour, faults and encoding."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.site import SiteKind
from simulators import restaurant, site_work
from simulators.cast import Cast
from simulators.randomness import Bools, Floats, Ints, block_minutes, stream

FACTORS: Final = {SiteKind.RESTAURANT: restaurant.FACTORS, SiteKind.CONSTRUCTION: site_work.FACTORS}

DECIMALS: Final = {
    "oil_fume": 2,
    "fume_pm": 2,
    "nmhc": 2,
    "fan_on": 0,
    "purifier_on": 0,
    "fan_current": 2,
    "purifier_current": 2,
    "temperature": 1,
    "humidity": 1,
    "tsp": 1,
    "pm10": 1,
    "pm25": 1,
    "noise": 1,
    "noise_max": 1,
    "pressure": 2,
    "wind_speed": 1,
    "wind_direction": 0,
}
"""Decimals that each factor is reported with."""

NORMAL: Final = ord("N")


class FaultKind(IntEnum):
    """What went wrong with a report; the value stands in ``Block.fault``."""

    NONE = 0
    LOST = 1  # never published: the device was dark, its seq stood still
    LATE = 2  # kept by the device and published later with others
    DOUBLED = 3  # published twice
    CORRUPT = 4  # bytes that are no JSON, or a frame with a wrong CRC
    CUT = 5  # the end is missing
    OUT_OF_RANGE = 6  # one reading that no working monitor can give
    FUTURE_CLOCK = 7  # measured "tomorrow"
    FLAGGED = 8  # a flag says that readings do not count
    UNKNOWN_DEVICE = 9  # sent once more under a name that is not in the register

    @property
    def label(self) -> str:
        """The name in truth files and tallies."""
        return self.name.lower()


@dataclass(slots=True)
class Block:
    """Reports of D devices in the 60 minutes of one hour; faults change it in place.

    Attributes:
        cast: the devices.
        hour: epoch hour.
        factors: names of the F factors.
        values: shape (F, D, 60), rounded as reported.
        flags: HJ 212 letters as character codes, shape (F, D, 60).
        at_ms: measuring time as the device's clock has it, shape (D, 60).
        publish_ms: when a report that is not late is published, shape (D, 60).
        fault: ``FaultKind`` of each report, shape (D, 60).
        carrier: minute index whose publication carries the report, shape (D, 60).
        strangers: (device, minute) of reports that a stranger copies.
    """

    cast: Cast
    hour: int
    factors: tuple[str, ...]
    values: Floats
    flags: npt.NDArray[np.uint8]
    at_ms: Ints
    publish_ms: Ints
    fault: npt.NDArray[np.uint8]
    carrier: Ints
    strangers: list[tuple[int, int]]

    def arrives(self) -> Bools:
        """Which reports reach the store with their own time, shape (D, 60)."""
        gone = [FaultKind.LOST, FaultKind.CORRUPT, FaultKind.CUT, FaultKind.FUTURE_CLOCK]
        arrived: Bools = ~np.isin(self.fault, gone)
        return arrived


def behave(cast: Cast, seed: int, hour: int, level: float) -> Block:
    """The hour as it would be without faults.

    Args:
        cast: the devices of one kind of site.
        seed: of the simulation.
        hour: epoch hour.
        level: the city's long-term PM10, µg/m³.
    """
    if cast.kind is SiteKind.RESTAURANT:
        values = restaurant.simulate(cast, seed, hour)
    else:
        values = site_work.simulate(cast, seed, hour, level)
    factors = FACTORS[cast.kind]
    for index, factor in enumerate(factors):
        values[index] = np.round(values[index], DECIMALS[factor])
    minutes = block_minutes(hour)
    at = minutes[None, :] * 60_000 + cast.second[:, None] * 1000
    latency = stream(seed, f"{cast.kind}-latency", hour).integers(200, 2500, at.shape)
    return Block(
        cast=cast,
        hour=hour,
        factors=factors,
        values=values,
        flags=np.full(values.shape, NORMAL, dtype=np.uint8),
        at_ms=at,
        publish_ms=at + latency,
        fault=np.zeros(at.shape, dtype=np.uint8),
        carrier=np.broadcast_to(np.arange(len(minutes)), at.shape).copy(),
        strangers=[],
    )
