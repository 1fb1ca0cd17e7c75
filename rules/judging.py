"""From windows of devices and their readings to findings: kernel, limits, verdict.

Devices are taken together where window and profile of the place are the same, because then the
same limits hold. Windows are compared as columns; only those whose figure needs context, or a note, go
one by one through ``rules.verdict``. Both follow the same rules.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from domain.site import Site
from rules.calendar import CalendarTable, holds, notes
from rules.columns import Rows
from rules.context import ContextTable
from rules.judged import FINDING, NO_FIGURE, VERDICTS, Findings, Judged, Notes, together
from rules.lane import Pairs
from rules.limits import Book, LaneKey, Limit
from rules.places import Places
from rules.statistics import Groups, reduce_windows
from rules.verdict import Figures, Setting, judge
from rules.window import Int64s, Window, window


class _Alike(NamedTuple):
    """Devices with one window and one profile, and what their windows hold."""

    span: Window
    place: Site
    device: Int64s
    micro: Int64s
    n_valid: Int64s
    n_saturated: Int64s


class Judge:
    """Judges windows; knows limits, places and context, but no state of any window.

    Args:
        book: the limits.
        context: the city's hours.
        places: where devices stand.
        calendar: what is on.
    """

    def __init__(self, book: Book, context: ContextTable, places: Places, calendar: CalendarTable) -> None:
        self._book: Final = book
        self._context: Final = context
        self._calendar: Final = calendar
        self._places: Final = places

    def evaluate(self, lane: LaneKey, pairs: Pairs, rows: Rows) -> Iterator[Judged]:
        """Findings of windows, by start and limit, all with revision 1.

        Args:
            lane: what is computed.
            pairs: the windows of devices; those without readings are gaps.
            rows: their readings as ``sort_unique`` leaves them; all lie in ``pairs``.
        """
        alikes = self._alike(lane, pairs, reduce_windows(rows, lane))
        for _, same_window in groupby(alikes, lambda alike: alike.span.start_ms):
            parts: dict[Limit, list[Judged]] = {}
            for alike in same_window:
                on = self._calendar.at(alike.place, alike.span.start_ms)
                for limit in self._book.holding(alike.place, alike.span.day).get(lane, ()):
                    if (limit.minutes is None or alike.span.minute in limit.minutes) and holds(limit, on):
                        judged = _noted(self._one_limit(limit, alike), notes(limit, on))
                        parts.setdefault(limit, []).append(judged)
            yield from map(together, parts.values())

    def _alike(self, lane: LaneKey, pairs: Pairs, groups: Groups) -> Iterator[_Alike]:
        """Cut windows by start and profile; devices without a site are passed over."""
        figures = _aligned(pairs, groups)
        profile = self._places.of[pairs.device]
        order = np.lexsort((profile, pairs.start))
        order = order[profile[order] >= 0]
        start, profile = pairs.start[order], profile[order]
        cuts = np.flatnonzero((start[1:] != start[:-1]) | (profile[1:] != profile[:-1])) + 1
        for part in np.split(order, cuts) if len(order) else ():
            first = part[0]
            span = window(int(pairs.start[first]), lane.window_ms)
            place = self._places.profiles[int(self._places.of[pairs.device[first]])]
            yield _Alike(span, place, pairs.device[part], *(column[part] for column in figures))

    def _one_limit(self, limit: Limit, alike: _Alike) -> Judged:
        n_expected = limit.lane.window_ms // (alike.place.interval_s * 1000)
        findings = np.empty(len(alike.device), FINDING)
        findings["device"], findings["n_valid"] = alike.device, alike.n_valid
        findings["n_expected"], findings["revision"] = n_expected, 1
        enough = _plain(findings, limit, alike, n_expected)
        special = alike.n_saturated > 0
        if limit.adjustment is not None:
            special |= enough
        notes = self._one_by_one(findings, limit, alike, np.flatnonzero(special)) if special.any() else {}
        return Judged(limit, alike.span, findings, notes)

    def _one_by_one(
        self, findings: Findings, limit: Limit, alike: _Alike, places: npt.NDArray[np.intp]
    ) -> dict[int, Notes]:
        """Judge windows that context or a note concerns; their notes."""
        setting = Setting(alike.place.area, alike.span.start_ms, self._context)
        notes: dict[int, Notes] = {}
        for place in places.tolist():
            micro, valid, over = (
                int(column[place]) for column in (alike.micro, alike.n_valid, alike.n_saturated)
            )
            figures = Figures(micro, valid, over, int(findings["n_expected"][place]))
            verdict, compared, adjustments = judge(limit, figures, setting)
            findings["verdict"][place] = VERDICTS.index(verdict)
            findings["micro"][place] = NO_FIGURE if compared is None else compared
            if adjustments:
                notes[int(alike.device[place])] = adjustments
        return notes


def _noted(judged: Judged, said: Notes) -> Judged:
    """What the calendar says is the same for all of them."""
    if said:
        judged.notes.update(
            {device: judged.notes.get(device, ()) + said for device in judged.findings["device"].tolist()}
        )
    return judged


def _plain(findings: Findings, limit: Limit, alike: _Alike, n_expected: int) -> npt.NDArray[np.bool_]:
    """``rules.verdict.judge`` as columns, without adjustments and notes; who has enough samples."""
    share = limit.share
    enough: npt.NDArray[np.bool_] = alike.n_valid * share.denominator >= n_expected * share.numerator
    enough &= n_expected > 0
    findings["verdict"] = np.where(enough, 1 + (alike.micro > limit.micro), 0)
    findings["micro"] = np.where(enough, alike.micro, NO_FIGURE)
    return enough


def _aligned(pairs: Pairs, groups: Groups) -> tuple[Int64s, Int64s, Int64s]:
    """The groups' figures in the order of the pairs, zeros for gaps."""
    if np.array_equal(pairs.device, groups.device) and np.array_equal(pairs.start, groups.start):
        return groups.micro, groups.n_valid, groups.n_saturated
    device = np.concatenate((pairs.device, groups.device))
    found = np.lexsort((np.concatenate((pairs.start, groups.start)), device))
    # The sort is stable, so each group comes right after its pair.
    at = found[np.flatnonzero(found >= len(pairs)) - 1]
    micro, n_valid, n_saturated = (np.zeros(len(pairs), np.int64) for _ in range(3))
    micro[at], n_valid[at], n_saturated[at] = groups.micro, groups.n_valid, groups.n_saturated
    return micro, n_valid, n_saturated
