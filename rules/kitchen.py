"""A kitchen as GB 18483-2001 measures it: its base stoves, and what its purifier must remove."""

from collections.abc import Mapping
from typing import Final

from domain.errors import ConfigError
from domain.site import Size

STOVE_HEAT: Final = 1.67e8
"""Heat power of one base stove, J/h."""

STOVE_HOOD: Final = 1.1
"""Projected hood area of one base stove, m²."""

LEAST_REMOVAL: Final[Mapping[Size, float]] = {Size.SMALL: 60.0, Size.MEDIUM: 75.0, Size.LARGE: 85.0}
"""Least removal efficiency by size, %."""


def stoves_by_heat(heat: float) -> float:
    """Base stoves of a total heat power, J/h."""
    return _above_zero("heat", heat) / STOVE_HEAT


def stoves_by_hood(area: float) -> float:
    """Base stoves of a total projected hood area, m²."""
    return _above_zero("hood area", area) / STOVE_HOOD


def size_by_heat(heat: float) -> Size:
    """Size by total heat power, J/h: medium from 5.00e8, large from 10e8.

    The standard's own bounds, which lie a little below 3 and 6 times the heat of a base stove.
    """
    return _size(_above_zero("heat", heat), 5.00e8, 10e8)


def size_by_hood(area: float) -> Size:
    """Size by total projected hood area, m²: medium from 3.3, large from 6.6."""
    return _size(_above_zero("hood area", area), 3.3, 6.6)


def removal_percent(before: float, flow_before: float, after: float, flow_after: float) -> float:
    """Removal efficiency of a purifier, %: (C₁Q₁ - C₂Q₂) ÷ C₁Q₁.

    Args:
        before: concentration before it, mg/m³.
        flow_before: flow before it, m³/h at reference state.
        after: concentration after it, mg/m³.
        flow_after: flow after it, m³/h at reference state.

    Raises:
        ConfigError: nothing goes in.
    """
    inflow = _above_zero("C₁·Q₁ before the purifier", before * flow_before)
    return 100 * (inflow - after * flow_after) / inflow


def _size(value: float, medium: float, large: float) -> Size:
    if value < medium:
        return Size.SMALL
    return Size.MEDIUM if value < large else Size.LARGE


def _above_zero(name: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise ConfigError(f"{name}: {value} is not above 0; measure it again")
    return value
