"""The calendar as judging asks it: what is on at a site when a window starts."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from domain.calendar import CalendarEntry, CalendarKind
from domain.instant import to_ms
from domain.site import Site
from rules.limits import Limit


class _Span(NamedTuple):
    start_ms: int
    end_ms: int
    entry: CalendarEntry


class CalendarTable:
    """Entries by time.

    Attributes:
        sites: those that have entries of their own, so that no other is judged together with them.
    """

    def __init__(self) -> None:
        self.sites: frozenset[str] = frozenset()
        self._entries: frozenset[CalendarEntry] = frozenset()
        self._spans: list[_Span] = []
        self._starts: list[int] = []
        self._longest: int = 0

    def replace(self, entries: Iterable[CalendarEntry]) -> list[CalendarEntry]:
        """Put these in the place of all others.

        Returns:
            Entries that are new or gone.
        """
        fresh = frozenset(entries)
        changed = sorted(fresh ^ self._entries, key=lambda entry: (entry.first_day, entry.title))
        if changed:
            self._entries = fresh
            self.sites = frozenset(entry.site for entry in fresh if entry.site)
            self._spans = sorted(_spans(fresh), key=lambda span: span[:2])
            self._starts = [span.start_ms for span in self._spans]
            self._longest = max((span.end_ms - span.start_ms for span in self._spans), default=0)
        return changed

    def at(self, site: Site, at_ms: int) -> list[CalendarEntry]:
        """What is on at a site at an instant."""
        first = bisect_right(self._starts, at_ms - self._longest)
        last = bisect_right(self._starts, at_ms)
        return [
            span.entry
            for span in self._spans[first:last]
            if at_ms < span.end_ms and span.entry.concerns(site)
        ]


def _spans(entries: Iterable[CalendarEntry]) -> list[_Span]:
    return [_Span(to_ms(start), to_ms(end), entry) for entry in entries for start, end in entry.spans()]


def holds(limit: Limit, on: Sequence[CalendarEntry]) -> bool:
    """Whether a limit holds while these are on; one without ``during`` always does."""
    return limit.during is None or any(entry.kind == limit.during for entry in on)


NOISE: Final = ("noise", "noise_max")


def notes(limit: Limit, on: Sequence[CalendarEntry]) -> tuple[dict[str, Any], ...]:
    """What an evaluation says of the calendar; none of it changes the verdict.

    A permit lifts the ban on night work (Environment Code art. 572), not the noise limit, whose
    excess is punished by itself (art. 1185(1)).
    """
    return tuple(
        {"kind": entry.kind.value, "title": entry.title, "document": entry.document}
        for entry in on
        if entry.kind == limit.during or (entry.kind is CalendarKind.PERMIT and limit.lane.factor in NOISE)
    )
