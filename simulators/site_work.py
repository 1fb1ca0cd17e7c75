"""Construction sites: when they work, the dust they raise and the noise they make.

A site's conduct is one of: ``good``, ``dry_earthwork`` (digs by day without watering),
``night_dust`` (hauls earth by night without watering) and ``night_noise`` (works round the
clock beside dwellings).
"""

from typing import Final

import numpy as np

from simulators.background import background_pm10, weather
from simulators.cast import Cast
from simulators.randomness import Floats, Ints, block_minutes, busy, minute_of_day, smooth, stream

FACTORS: Final = (
    "tsp",
    "pm10",
    "pm25",
    "noise",
    "noise_max",
    "temperature",
    "humidity",
    "pressure",
    "wind_speed",
    "wind_direction",
)

_HOURS: Final = {
    "day": ((6.6, 12.0), (13.0, 18.5)),
    "quiet": ((8.0, 11.5), (13.5, 17.5)),
    "earthwork": ((6.2, 12.2), (12.8, 18.9)),
    "night_haul": ((18.3, 30.5),),
    "rush": ((0.0, 24.0),),
}
_RAMP_MIN: Final = 8.0
# Habit → (PM10 that the site adds at full work, µg/m³; work's level at the fence by day, by night, dB(A))
_STRENGTH: Final = {
    "day": (26.0, 63.0, 60.0),
    "quiet": (10.0, 57.0, 55.0),
    "earthwork": (215.0, 64.5, 62.0),
    "night_haul": (215.0, 65.0, 65.0),
    "rush": (32.0, 75.5, 67.0),
}
_WATERED: Final = 0.55  # share of the dust that is left after the water cart
_WATER_EVERY_MIN, _WATER_HOLDS_MIN = 120, 45
_TSP_OF_SITE, _TSP_OF_CITY = 2.6, 1.3  # TSP per PM10: coarse at the site, finer in the city's air


def simulate(cast: Cast, seed: int, block: int, level: float) -> Floats:
    """One hour of all construction sites.

    Args:
        cast: the sites' devices.
        seed: of the simulation.
        block: epoch hour.
        level: the city's long-term PM10, µg/m³.

    Returns:
        Shape (factors, devices, 60), in the order of ``FACTORS`` and canonical units.
    """
    minutes = block_minutes(block)
    work = _work(cast, seed, minutes)
    draws = stream(seed, "site-noise", block)
    city = background_pm10(seed, level, minutes)[None, :] * draws.normal(1, 0.03, work.shape)
    own = _dust(cast, seed, block, minutes, work)
    air = [_TSP_OF_CITY * city + _TSP_OF_SITE * own, city + own, 0.45 * city + 0.12 * own]
    sound = _sound(cast, seed, block, work, draws)
    return np.stack([*air, *sound, *_weather(cast, seed, minutes, draws)])


def _work(cast: Cast, seed: int, minutes: Ints) -> Floats:
    """How much each site works, 0 to 1, shape (devices, 60)."""
    of_day = minute_of_day(minutes)
    shift = stream(seed, "site-shift").uniform(-10, 10, len(cast))
    level = np.zeros((len(cast), len(minutes)))
    for habit, intervals in _HOURS.items():
        at = cast.habit == habit
        for begin, end in intervals:
            local = of_day[None, :] - shift[at, None]
            level[at] = np.maximum(level[at], busy(local, begin, end, _RAMP_MIN))
    level[cast.habit == "rush"] = 1.0  # no ramp at midnight: it never stops
    return level


def _strength(cast: Cast, which: int) -> Floats:
    """One column of ``_STRENGTH`` per device, shape (devices, 1)."""
    return np.array([[_STRENGTH[str(habit)][which]] for habit in cast.habit]).reshape(len(cast), 1)


def _dust(cast: Cast, seed: int, block: int, minutes: Ints, work: Floats) -> Floats:
    """PM10 that the site itself adds, µg/m³: trucks come and go, the water cart lays it."""
    trucks = np.clip(1 + 0.18 * smooth(seed, "site-trucks", block, len(cast)), 0.4, 1.6)
    phase = stream(seed, "site-water").integers(0, _WATER_EVERY_MIN, len(cast))[:, None]
    wet = (minutes[None, :] + phase) % _WATER_EVERY_MIN < _WATER_HOLDS_MIN
    waters = ~np.isin(cast.conduct, ["dry_earthwork", "night_dust"])[:, None]
    laid = np.where(wet & waters, _WATERED, 1.0)
    own: Floats = 3 + _strength(cast, 0) * work * trucks * laid
    return own


def _sound(
    cast: Cast, seed: int, block: int, work: Floats, draws: np.random.Generator
) -> tuple[Floats, Floats]:
    """A-weighted level of each minute and its maximum, dB(A): powers add, levels do not."""
    of_day = minute_of_day(block_minutes(block))[None, :]
    night = (of_day < 360) | (of_day >= 1320)
    street = np.where(night, 44.0, 52.0) + 1.5 * smooth(seed, "site-street", block, len(cast))
    full = np.where(night, _strength(cast, 2), _strength(cast, 1))
    busy_level = full + 1.2 * smooth(seed, "site-machines", block, len(cast))
    power = 10 ** (street / 10) + work * 10 ** (busy_level / 10)
    level = 10 * np.log10(power) + draws.normal(0, 0.8, work.shape)
    peak = level + 3 + np.minimum(draws.exponential(2.0, work.shape), 9.0)
    return level, peak


def _weather(cast: Cast, seed: int, minutes: Ints, draws: np.random.Generator) -> list[Floats]:
    """The city's weather as each device sees it, in the order of ``FACTORS``."""
    city = weather(seed, minutes)
    spread = {"temperature": 0.2, "humidity": 0.8, "pressure": 0.01, "wind_speed": 0.15, "wind_direction": 6}
    shape = (len(cast), len(minutes))
    seen = {name: city[name][None, :] + draws.normal(0, width, shape) for name, width in spread.items()}
    seen["humidity"] = np.clip(seen["humidity"], 5, 100)
    seen["wind_speed"] = np.clip(seen["wind_speed"], 0, None)
    seen["wind_direction"] = seen["wind_direction"] % 360
    return list(seen.values())
