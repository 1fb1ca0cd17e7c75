"""Context that relative limits need: the city's hours, found by the longest area prefix."""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from domain.context import ContextValue
from domain.instant import to_ms
from rules.window import HOUR_MS, window_start


class Hour(NamedTuple):
    """One hour of one series of one area: its name, without its figure."""

    series: str
    area: str
    start_ms: int


class Found(NamedTuple):
    """A figure of the context and the area that gave it."""

    area: str
    value: float
    primary: tuple[str, ...]


def usable(value: ContextValue) -> bool:
    """Whether the figure can be one: finite and not negative (-999 is how some say "none")."""
    return math.isfinite(value.value) and value.value >= 0


class ContextTable:
    """Hours of context series. A later value of the same hour replaces the earlier."""

    def __init__(self) -> None:
        self._hours: Final[dict[Hour, tuple[float, tuple[str, ...]]]] = {}

    def put(self, values: Iterable[ContextValue]) -> list[Hour]:
        """Store values; unusable ones are as if missing.

        Returns:
            The hours that are new or have changed.
        """
        changed = []
        for value in values:
            at = value.at if isinstance(value.at, int) else to_ms(value.at)
            hour = Hour(value.series, value.area, window_start(at, HOUR_MS))
            figure = (float(value.value), tuple(value.primary or ()))
            if usable(value) and self._hours.get(hour) != figure:
                self._hours[hour] = figure
                changed.append(hour)
        return changed

    def find(self, series: str, area: str, at_ms: int) -> Found | None:
        """The figure of the hour that holds the instant, from the longest prefix of the area."""
        start = window_start(at_ms, HOUR_MS)
        for length in range(len(area), -1, -1):
            figure = self._hours.get(Hour(series, area[:length], start))
            if figure is not None:
                return Found(area[:length], *figure)
        return None


class SettledContext(ContextTable):
    """All that will ever be known: what was looked up once is not looked up again.

    Args:
        values: as for ``put``, which must not be called any more.
    """

    def __init__(self, values: Iterable[ContextValue]) -> None:
        super().__init__()
        self.put(values)
        self._found: Final[dict[tuple[str, str, int], Found | None]] = {}

    def find(self, series: str, area: str, at_ms: int) -> Found | None:
        """The figure of the hour that holds the instant, from the longest prefix of the area."""
        question = series, area, at_ms
        if question not in self._found:
            self._found[question] = super().find(*question)
        return self._found[question]
