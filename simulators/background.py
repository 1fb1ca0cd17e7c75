"""The city around the devices: its PM10, AQI and weather, as functions of absolute time."""

import math
from typing import Final

import numpy as np

from domain.context import ContextValue
from domain.instant import from_ms
from simulators.city import CITY_PREFIX
from simulators.randomness import Floats, Ints, stream

_HOUR_MS: Final = 3_600_000
_IAQI: Final = (0.0, 50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0)
_PM10_NODES: Final = (0.0, 50.0, 120.0, 250.0, 350.0, 420.0, 500.0, 600.0)  # HJ 633-2026
_PM25_NODES: Final = (0.0, 35.0, 60.0, 115.0, 150.0, 250.0, 350.0, 500.0)
_PM25_SHARE: Final = 0.45  # of PM10


def city_pm10(seed: int, level: float, hours: Ints) -> Floats:
    """The city's hourly PM10.

    Args:
        seed: of the simulation.
        level: long-term mean, µg/m³.
        hours: epoch hours, any number.

    Returns:
        One value per hour, whole µg/m³ as stations publish it.
    """
    local = (hours + 8) % 24
    daily = 1 + 0.16 * np.cos((local - 8) / 24 * 2 * np.pi) + 0.07 * np.cos((local - 20) / 12 * 2 * np.pi)
    day, share = np.divmod(hours, 24)
    today = np.array([_day_factor(seed, int(d)) for d in day])
    tomorrow = np.array([_day_factor(seed, int(d) + 1) for d in day])
    weather = today + (tomorrow - today) * share / 24
    jitter = np.array([stream(seed, "city-hour", int(hour)).normal(1, 0.04) for hour in hours])
    rounded: Floats = np.round(level * daily * weather * jitter)
    return rounded


def _day_factor(seed: int, day: int) -> float:
    return float(np.exp(stream(seed, "city-day", day).normal(0, 0.12)))


def background_pm10(seed: int, level: float, minutes: Ints) -> Floats:
    """The PM10 that every site breathes, µg/m³ per minute: the city's hours, smoothly joined."""
    first = int(minutes[0]) // 60
    hours = np.arange(first - 1, int(minutes[-1]) // 60 + 2)
    series = city_pm10(seed, level, hours)
    # Mostly the hour's own value, so that site less city stays the site's own doing.
    joined = np.interp(minutes, hours * 60 + 30, series)
    mixed: Floats = 0.8 * series[minutes // 60 - hours[0]] + 0.2 * joined
    return mixed


def aqi(pm10: float, pm25: float) -> tuple[int, tuple[str, ...] | None]:
    """AQI and primary pollutants by HJ 633-2026, from hourly means in µg/m³."""
    parts = {
        "pm10": math.ceil(round(float(np.interp(pm10, _PM10_NODES, _IAQI)), 6)),
        "pm25": math.ceil(round(float(np.interp(pm25, _PM25_NODES, _IAQI)), 6)),
    }
    worst = max(parts.values())
    primary = tuple(name for name, value in parts.items() if value == worst) if worst > 50 else None
    return worst, primary


def context_series(seed: int, level: float, start_ms: int, end_ms: int) -> list[ContextValue]:
    """Hourly ``city.pm10`` and ``city.aqi`` of every hour that touches ``[start, end)``."""
    hours = np.arange(start_ms // _HOUR_MS, -(-end_ms // _HOUR_MS), dtype=np.int64)
    values: list[ContextValue] = []
    for hour, pm10 in zip(hours, city_pm10(seed, level, hours), strict=True):
        at = from_ms(int(hour) * _HOUR_MS)
        figure, primary = aqi(float(pm10), round(float(pm10) * _PM25_SHARE))
        values.append(ContextValue("city.pm10", CITY_PREFIX, at, float(pm10)))
        values.append(ContextValue("city.aqi", CITY_PREFIX, at, float(figure), primary))
    return values


def weather(seed: int, minutes: Ints) -> dict[str, Floats]:
    """Temperature °C, humidity %, pressure kPa, wind m/s and °, one value per minute."""
    day = minutes / 1440 + 8 / 24
    of_day = day % 1 * 2 * np.pi
    season = np.cos((day - 200) / 365.25 * 2 * np.pi)  # warmest in late July
    slow = [_slow(seed, name, minutes) for name in ("temp", "humid", "press", "wind", "turn")]
    warm = np.cos(of_day - 14 / 24 * 2 * np.pi)
    return {
        "temperature": 16 + 12 * season + 4 * warm + 1.5 * slow[0],
        "humidity": np.clip(68 + 5 * season - 12 * warm + 5 * slow[1], 20, 98),
        "pressure": 101.6 - 1.0 * season + 0.3 * slow[2],
        "wind_speed": np.clip(2.0 + 0.8 * warm + 0.6 * slow[3], 0.3, 4.8),
        "wind_direction": (135 + 40 * slow[4]) % 360,
    }


def _slow(seed: int, name: str, minutes: Ints) -> Floats:
    """A signal that wanders over hours, standard normal at full hours."""
    hours = np.arange(int(minutes[0]) // 60, int(minutes[-1]) // 60 + 2)
    knots = [stream(seed, f"weather-{name}", int(hour)).standard_normal() for hour in hours]
    return np.interp(minutes, hours * 60, knots)
