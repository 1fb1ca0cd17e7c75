"""Context series: what the city measured, which relative limits need (design §5)."""

import msgspec

from domain.report import Aware


class ContextValue(msgspec.Struct, frozen=True, omit_defaults=True):
    """One hour of a context series.

    Attributes:
        series: ``city.pm10`` (µg/m³, 1-h mean) or ``city.aqi`` (HJ 633).
        area: administrative code or a prefix of one; the longest matching prefix wins.
        at: start of the hour.
        value: the figure.
        primary: primary pollutants of the AQI, such as ``("pm10",)``; unknown if null.
    """

    series: str
    area: str
    at: Aware | int
    value: float
    primary: tuple[str, ...] | None = None
