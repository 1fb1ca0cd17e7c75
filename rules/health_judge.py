"""From one window of many devices to what must be told of it: rules, thresholds, verdicts.

More than the limit is ``exceed``, a finding. More than the soft threshold is ``indeterminate``: a
suspicion, which opens nothing and ends nothing. Where there is not enough to say, nothing is said.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple

import numpy as np

from domain import health
from domain.evaluation import Evaluation, Verdict
from domain.instant import from_ms
from domain.site import SiteKind
from rules.health_pack import UNITS, HealthPack, HealthRule
from rules.health_rules import FINDERS, Look
from rules.minutes import Minutes, Rows
from rules.places import Places
from rules.signals import REPORT, Floats, Signals
from rules.ward import Span
from rules.window import MINUTE_MS, Int64s

PERIODS: Final = 3
"""A silence of fewer reporting periods than this is none (product choice)."""

_VERDICTS: Final = (Verdict.PASS, Verdict.INDETERMINATE, Verdict.EXCEED)


class Telling(NamedTuple):
    """A window of a device that must be told."""

    rule: str
    device: int
    evaluation: Evaluation


class HealthJudge:
    """Judges windows; knows rules and places, but no state of any window.

    Args:
        pack: the rules.
        places: where devices stand.

    Attributes:
        signals: what the bits of the minutes mean.
        retired: devices of which nothing is asked any more.
    """

    def __init__(self, pack: HealthPack, places: Places) -> None:
        self.signals: Final = Signals(pack)
        self.retired: Collection[str] = frozenset()
        self._rules: Final = pack.rule
        self._places: Final = places

    def judge(
        self, minutes: Minutes, span: Span, rows: Rows, expected: Callable[[Span, str], Collection[int]]
    ) -> Iterator[Telling]:
        """Judge a window of some devices by every rule that has windows of its length.

        Args:
            minutes: what the devices said.
            span: the window.
            rows: the devices' rows.
            expected: devices of which a window is told even where it passes, by window and rule.
        """
        looks: dict[tuple[SiteKind, ...], tuple[Look, Int64s]] = {}
        for rule in self._rules:
            if rule.window_minutes != span.length:
                continue
            if rule.kinds not in looks:
                looks[rule.kinds] = self._look(minutes, span, rows, rule.kinds)
            look, interval_s = looks[rule.kinds]
            found = FINDERS[rule.finds](rule, look)
            limit, code = _codes(rule, found.value, look.each)
            device = minutes.device[look.rows]
            told = np.isin(device, list(expected(span, rule.id)))
            for place in np.flatnonzero(found.known & ((code > 0) | told)).tolist():
                evaluation = Evaluation(
                    device=self._places.index.names[int(device[place])],
                    standard=health.STANDARD,
                    limit=rule.id,
                    factor=health.FACTOR,
                    window_start=from_ms(span.start * MINUTE_MS),
                    window_end=from_ms(span.end * MINUTE_MS),
                    statistic=rule.finds,
                    value=float(found.value[place]),
                    limit_value=float(limit[place]),
                    unit=UNITS[rule.finds],
                    verdict=_VERDICTS[int(code[place])],
                    n_valid=int(((look.bits[place] & np.uint32(REPORT)) != 0).sum()),
                    n_expected=int(span.length * 60 // interval_s[place]),
                    adjustments=(),
                    clause=rule.mark,
                    revision=1,
                    final=False,
                )
                yield Telling(rule.id, int(device[place]), evaluation)

    def _look(
        self, minutes: Minutes, span: Span, rows: Rows, kinds: Collection[SiteKind]
    ) -> tuple[Look, Int64s]:
        """The devices at sites of these kinds, and their reporting intervals, s."""
        of, profiles = self._places.of[minutes.device[rows]], self._places.profiles
        index = self._places.index
        retired = [index[name] for name in self.retired if name in index]
        asked = np.array([*(site.kind in kinds for site in profiles), False])[of]  # the last: no site
        asked &= ~np.isin(minutes.device[rows], retired)
        rows = rows[asked]
        interval_s = np.array([*(site.interval_s for site in profiles), 60])[of[asked]]
        bits = minutes.bits(rows, span.start, span.length)
        each = np.maximum(1.0, interval_s / 60)
        return Look(minutes, self.signals, rows, each, span.start, bits), interval_s


def _codes(rule: HealthRule, value: Floats, each: Floats) -> tuple[Floats, Int64s]:
    """The limit of each device, and its place in ``_VERDICTS``."""
    least = PERIODS * each if rule.finds == "silence" else np.zeros(len(each))
    limit = np.maximum(rule.limit, least)
    soft = limit if rule.soft is None else np.minimum(limit, np.maximum(rule.soft, least))
    return limit, np.where(value > limit, 2, np.where(value > soft, 1, 0))
