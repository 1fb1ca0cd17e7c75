"""Restaurants: when they cook, whether the purifier runs, and what leaves the duct.

An owner's conduct is one of: ``good`` (clean purifier, always on), ``dirty`` (always on,
never cleaned), ``off`` (hardly ever on), ``forgetful`` (off for half hours), and
``tampered`` (the probe hardly sees the fume; the kitchen itself is no better than others).
"""

from typing import Final

import numpy as np

from simulators.cast import Cast
from simulators.randomness import Bools, Floats, Ints, block_minutes, busy, minute_of_day, smooth, stream

FACTORS: Final = (
    "oil_fume",
    "fume_pm",
    "nmhc",
    "fan_on",
    "purifier_on",
    "fan_current",
    "purifier_current",
    "temperature",
    "humidity",
)

# Habit → (begin, end) in local hours; an end past 24 runs into the next day.
_OPEN: Final = {
    "meals": ((10.5, 13.5), (16.5, 21.0)),
    "breakfast": ((4.8, 9.8), (10.8, 13.2)),
    "barbecue": ((16.8, 27.0),),
    "allday": (),
}
_RAMP_MIN: Final = 12.0
_PULSE_MIN: Final = 75  # a place that never closes cooks in waves
_PULSE_SHARE: Final = 0.6
_PULSE_REST: Final = 0.18
_OFF_SHARE: Final = {"off": 0.85, "forgetful": 0.5}
_DUCT_ONLY: Final = 0.35  # what filters and duct hold back without the purifier


def simulate(cast: Cast, seed: int, block: int) -> Floats:
    """One hour of all restaurants.

    Returns:
        Shape (factors, devices, 60), in the order of ``FACTORS`` and canonical units.
    """
    minutes = block_minutes(block)
    load = _load(cast, seed, block, minutes)
    fan = load > 0.03
    purifier = fan & ~_switched_off(cast, seed, block)
    raw, clean = _owners(cast, seed)
    passes = 1 - np.where(purifier, clean[:, None], _DUCT_ONLY)
    draws = stream(seed, "restaurant-noise", block)
    fume = raw[:, None] * load * passes * draws.normal(1, 0.06, load.shape)
    fume = np.where((cast.conduct == "tampered")[:, None], fume * 0.04, fume)
    fume = np.maximum(fume, 0) + draws.uniform(0.01, 0.05, load.shape)
    columns = [fume, *_companions(cast, seed, load, fume, draws), fan, purifier]
    return np.stack([*columns, *_machines(cast, load, fan, purifier, draws)])


def _load(cast: Cast, seed: int, block: int, minutes: Ints) -> Floats:
    """How hard each kitchen works, 0 to 1, shape (devices, 60)."""
    of_day = minute_of_day(minutes)
    shift = stream(seed, "restaurant-shift").uniform(-20, 20, len(cast))
    level = np.zeros((len(cast), len(minutes)))
    for habit, intervals in _OPEN.items():
        at = cast.habit == habit
        for begin, end in intervals:
            local = of_day[None, :] - shift[at, None]
            level[at] = np.maximum(level[at], busy(local, begin, end, _RAMP_MIN))
    at = cast.habit == "allday"
    level[at] = _waves(minutes, cast.rank[at])
    stir = np.clip(0.85 + 0.12 * smooth(seed, "restaurant-stir", block, len(cast)), 0.5, 1.1)
    worked: Floats = level * stir
    return worked


def _waves(minutes: Ints, rank: Ints) -> Floats:
    """Kitchens that never close: waves shifted by a third of their period, so one is always on."""
    since = (minutes[None, :] + rank[:, None] * _PULSE_MIN // 3) % _PULSE_MIN
    wave = np.clip(np.minimum(since, _PULSE_MIN * _PULSE_SHARE - since) / 5, 0, 1)
    level: Floats = _PULSE_REST + (1 - _PULSE_REST) * wave
    return level


def _switched_off(cast: Cast, seed: int, block: int) -> Bools:
    """Whether the owner left the purifier off, in half hours, shape (devices, 60)."""
    share = np.zeros(len(cast))
    for conduct, chance in _OFF_SHARE.items():
        share[cast.conduct == conduct] = chance
    halves = stream(seed, "restaurant-off", block).random((len(cast), 2)) < share[:, None]
    return np.repeat(halves, 30, axis=1)


def _owners(cast: Cast, seed: int) -> tuple[Floats, Floats]:
    """Fume before the purifier at full load (mg/m³), and the purifier's efficiency."""
    draws = stream(seed, "restaurant-owner")
    raw = draws.uniform(4.2, 6.0, len(cast))
    raw = np.where(cast.habit == "barbecue", raw * 1.25, raw)
    raw = np.where(cast.conduct == "good", raw, np.maximum(raw, 5.2))
    clean = draws.uniform(0.91, 0.965, len(cast))
    dirty = draws.uniform(0.60, 0.68, len(cast))
    return raw, np.where(cast.conduct == "dirty", dirty, clean)


def _companions(
    cast: Cast, seed: int, load: Floats, fume: Floats, draws: np.random.Generator
) -> tuple[Floats, Floats]:
    """Particulate and NMHC that leave with the fume, mg/m³."""
    ratio = stream(seed, "restaurant-ratio").uniform(1.2, 1.8, len(cast))[:, None]
    particulate = fume * ratio * draws.normal(1, 0.05, load.shape)
    # A purifier for fume holds little of the gases back, so these follow the cooking.
    gases = 0.6 + load * (1.5 + ratio) + 1.3 * fume + draws.normal(0, 0.1, load.shape)
    return np.maximum(particulate, 0), np.maximum(gases, 0)


def _machines(
    cast: Cast, load: Floats, fan: Bools, purifier: Bools, draws: np.random.Generator
) -> tuple[Floats, Floats, Floats, Floats]:
    """Fan current A, purifier current A, duct temperature °C, duct humidity %."""
    size = (2.5 + 0.9 * cast.stoves)[:, None]
    worn = np.where(cast.conduct == "dirty", 0.7, 1.0)[:, None]
    idle = np.abs(draws.normal(0, 0.01, load.shape))
    fan_current = np.where(fan, size * draws.normal(1, 0.02, load.shape), idle)
    full = (0.8 + 0.25 * cast.stoves)[:, None] * worn
    purifier_current = np.where(purifier, full * draws.normal(1, 0.02, load.shape), idle)
    temperature = 22 + 26 * load + draws.normal(0, 0.4, load.shape)
    humidity = np.clip(52 + 22 * load + draws.normal(0, 1.0, load.shape), 5, 99)
    return fan_current, purifier_current, temperature, humidity
