"""The air quality index and its primary pollutants (HJ 633): by the edition of the day.

HJ 633-2026 holds from 2026-03-01 and moved two nodes of the table: at an IAQI of 100, PM2.5 from
75 to 60 and PM10 from 150 to 120 µg/m³. Which mean stands for an hour changed as well: the hour's
own for PM since then, a moving 24-h mean before; the caller gives it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from fractions import Fraction
from math import ceil
from typing import Final

from domain.errors import ConfigError

NEW_TABLE_FROM: Final = date(2026, 3, 1)

_NODES: Final = (0, 50, 100, 150, 200, 300, 400, 500)


class Mean(StrEnum):
    """A pollutant and over what its concentration was averaged; µg/m³, CO mg/m³."""

    PM25 = "pm25"
    PM10 = "pm10"
    SO2_24H = "so2_24h"
    SO2_1H = "so2_1h"
    NO2_24H = "no2_24h"
    NO2_1H = "no2_1h"
    CO_24H = "co_24h"
    CO_1H = "co_1h"
    O3_8H = "o3_8h"
    O3_1H = "o3_1h"

    @property
    def pollutant(self) -> str:
        """The pollutant alone, as primary pollutants are told, such as ``pm25``."""
        return self.value.split("_")[0]


_TABLE: Final[Mapping[Mean, tuple[int, ...]]] = {
    Mean.PM25: (0, 35, 60, 115, 150, 250, 350, 500),
    Mean.PM10: (0, 50, 120, 250, 350, 420, 500, 600),
    Mean.SO2_24H: (0, 50, 150, 475, 800, 1600, 2100, 2620),
    Mean.SO2_1H: (0, 150, 500, 650, 800),  # above it 200: the 24-h mean says more
    Mean.NO2_24H: (0, 40, 80, 180, 280, 565, 750, 940),
    Mean.NO2_1H: (0, 100, 200, 700, 1200, 2340, 3090, 3840),
    Mean.CO_24H: (0, 2, 4, 14, 24, 36, 48, 60),
    Mean.CO_1H: (0, 5, 10, 35, 60, 90, 120, 150),
    Mean.O3_8H: (0, 100, 160, 215, 265, 800),  # above it 300: the 1-h mean says more
    Mean.O3_1H: (0, 160, 200, 300, 400, 800, 1000, 1200),
}
_TABLE_2012: Final[Mapping[Mean, tuple[int, ...]]] = {
    **_TABLE,
    Mean.PM25: (0, 35, 75, 115, 150, 250, 350, 500),
    Mean.PM10: (0, 50, 150, 250, 350, 420, 500, 600),
}

_POLLUTANTS: Final = frozenset(mean.pollutant for mean in Mean)
_CLASSES: Final = ((50, "优"), (100, "良"), (150, "轻度污染"), (200, "中度污染"), (300, "重度污染"))


@dataclass(frozen=True, slots=True)
class Aqi:
    """The index of an hour or a day.

    Attributes:
        value: the index; none where pollutants are missing and those known do not exceed 100.
        primary: pollutants with the highest IAQI, where it is above 50.
        iaqi: the index of each pollutant that was given.
        missing: pollutants that were not.
    """

    value: int | None
    primary: tuple[str, ...]
    iaqi: Mapping[str, int]
    missing: tuple[str, ...]

    @property
    def grade(self) -> str | None:
        """Class in words (优 … 严重污染); none where there is no index."""
        if self.value is None:
            return None
        return next((name for most, name in _CLASSES if self.value <= most), "严重污染")


def iaqi(mean: Mean, concentration: float, day: date) -> int:
    """Index of one pollutant.

    The concentration is rounded half to even to whole µg/m³ (CO to 0.1 mg/m³) first, as GB/T 8170 has
    it, which is not settled for HJ 633-2026; then interpolated between nodes and rounded up.

    Args:
        mean: what was averaged over what.
        concentration: µg/m³, CO mg/m³.
        day: local day; it decides the edition.

    Raises:
        ConfigError: the concentration cannot be one.
    """
    if not 0 <= concentration < float("inf"):
        raise ConfigError(f"{mean}: {concentration} is no concentration; leave it out where it is missing")
    nodes = (_TABLE if day >= NEW_TABLE_FROM else _TABLE_2012)[mean]
    grain = Decimal("0.1") if mean.pollutant == "co" else Decimal(1)
    rounded = Fraction(Decimal(str(concentration)).quantize(grain, ROUND_HALF_EVEN))
    for step in range(1, len(nodes)):
        low, high = nodes[step - 1], nodes[step]
        if rounded <= high:
            share = (rounded - low) / (high - low)
            return ceil(_NODES[step - 1] + share * (_NODES[step] - _NODES[step - 1]))
    return _NODES[len(nodes) - 1]


def aqi(concentrations: Mapping[Mean, float], day: date) -> Aqi:
    """Index and primary pollutants; all pollutants that tie are primary.

    Args:
        concentrations: µg/m³, CO mg/m³; of a pollutant with two means the higher index counts.
        day: local day; it decides the edition.

    Raises:
        ConfigError: a concentration cannot be one.
    """
    found: dict[str, int] = {}
    for mean, concentration in concentrations.items():
        found[mean.pollutant] = max(found.get(mean.pollutant, 0), iaqi(mean, concentration, day))
    missing = tuple(sorted(_POLLUTANTS - found.keys()))
    highest = max(found.values(), default=0)
    value = None if missing and highest <= 100 else highest
    primary = tuple(sorted(name for name, index in found.items() if index == highest))
    return Aqi(value, primary if value is not None and value > 50 else (), found, missing)
