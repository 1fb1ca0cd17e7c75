"""From windows of devices and their readings to evaluations: kernel, limits, verdict.

Devices are taken together where window and profile of the place are the same, because then the
same limits hold. A limit without adjustments is compared as columns; windows whose figure needs
context, or a note, go one by one through ``rules.verdict``. Both follow the same rules.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from domain.evaluation import Evaluation, Verdict
from domain.site import Site
from rules.calendar import CalendarTable, holds, notes
from rules.columns import Rows
from rules.context import ContextTable
from rules.lane import Pairs
from rules.limits import MICRO, Book, LaneKey, Limit
from rules.places import Places
from rules.statistics import Groups, reduce_windows
from rules.verdict import Figures, Finding, Setting, judge
from rules.window import Int64s, Window, window

_PLAIN: Final = (Verdict.INVALID, Verdict.PASS, Verdict.EXCEED)


class Judged(NamedTuple):
    """Evaluations of one limit in one window, parallel to their device numbers."""

    limit: Limit
    start_ms: int
    devices: list[int]
    evaluations: list[Evaluation]


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

    def evaluate(self, lane: LaneKey, pairs: Pairs, rows: Rows, released: int) -> Iterator[Judged]:
        """Evaluations of windows, all with revision 1.

        Args:
            lane: what is computed.
            pairs: the windows of devices; those without readings are gaps.
            rows: their readings as ``sort_unique`` leaves them; all lie in ``pairs``.
            released: windows that start before it (epoch ms) are final.
        """
        for alike in self._alike(lane, pairs, reduce_windows(rows, lane)):
            on = self._calendar.at(alike.place, alike.span.start_ms)
            for limit in self._book.holding(alike.place, alike.span.day).get(lane, ()):
                if (limit.minutes is None or alike.span.minute in limit.minutes) and holds(limit, on):
                    evaluations = self._one_limit(limit, alike, alike.span.start_ms < released)
                    if on:
                        evaluations = _noted(evaluations, notes(limit, on))
                    yield Judged(limit, alike.span.start_ms, alike.device.tolist(), evaluations)

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

    def _one_limit(self, limit: Limit, alike: _Alike, final: bool) -> list[Evaluation]:
        n_expected = limit.lane.window_ms // (alike.place.interval_s * 1000)
        if limit.adjustment is None and not alike.n_saturated.any():
            findings = _plain(limit, alike, n_expected)
        else:
            setting = Setting(alike.place.area, alike.span.start_ms, self._context)
            counts = zip(
                alike.micro.tolist(), alike.n_valid.tolist(), alike.n_saturated.tolist(), strict=True
            )
            findings = [
                judge(limit, Figures(micro, valid, over, n_expected), setting)
                for micro, valid, over in counts
            ]
        names = self._places.index.names
        lane, span = limit.lane, alike.span
        return [
            Evaluation(
                names[device],
                limit.standard,
                limit.id,
                lane.factor,
                span.start,
                span.end,
                lane.statistic,
                None if micro is None else micro / MICRO,
                limit.value,
                limit.unit,
                verdict,
                n_valid,
                n_expected,
                adjustments,
                limit.clause,
                1,
                final,
            )
            for device, n_valid, (verdict, micro, adjustments) in zip(
                alike.device.tolist(), alike.n_valid.tolist(), findings, strict=True
            )
        ]


def _noted(evaluations: list[Evaluation], said: tuple[dict[str, Any], ...]) -> list[Evaluation]:
    return [replace(one, adjustments=one.adjustments + said) for one in evaluations] if said else evaluations


def _plain(limit: Limit, alike: _Alike, n_expected: int) -> list[Finding]:
    """``rules.verdict.judge`` for a limit without adjustments and windows without notes."""
    share = limit.share
    enough = (alike.n_valid * share.denominator >= n_expected * share.numerator) & (n_expected > 0)
    codes: npt.NDArray[np.int64] = np.where(enough, 1 + (alike.micro > limit.micro), 0)
    return [
        Finding(_PLAIN[code], micro if code else None)
        for code, micro in zip(codes.tolist(), alike.micro.tolist(), strict=True)
    ]


def _aligned(pairs: Pairs, groups: Groups) -> tuple[Int64s, Int64s, Int64s]:
    """The groups' figures in the order of the pairs, zeros for gaps."""
    device = np.concatenate((pairs.device, groups.device))
    found = np.lexsort((np.concatenate((pairs.start, groups.start)), device))
    # The sort is stable, so each group comes right after its pair.
    at = found[np.flatnonzero(found >= len(pairs)) - 1]
    micro, n_valid, n_saturated = (np.zeros(len(pairs), np.int64) for _ in range(3))
    micro[at], n_valid[at], n_saturated[at] = groups.micro, groups.n_valid, groups.n_saturated
    return micro, n_valid, n_saturated
