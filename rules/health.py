"""Device health over time: readings in, findings out, by the same log and watermark as the limits.

State is one ring of minutes a partition (``rules.minutes``) and what was told of windows that may
still change. Windows are judged on ticks of ten minutes of event time, when the watermark has passed
their end plus the grace, wherever a batch ends; late data within the lateness judge them again at the
next tick. Told are findings, suspicions, and a few passing windows after them: of a healthy device
nothing is said, so health costs the log next to nothing.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

import numpy as np

from domain.errors import ConfigError
from domain.evaluation import Evaluation, Verdict
from domain.instant import to_ms
from rules.columns import Columns
from rules.health_judge import HealthJudge
from rules.health_pack import HealthPack
from rules.health_rules import TOLD_FOR
from rules.minutes import HOUR, Minutes, Rows
from rules.places import Places
from rules.signals import Bools, Heard
from rules.ward import TICK, Span, Ward
from rules.window import MINUTE_MS, Int64s


class Health:
    """Judges the health of devices.

    Args:
        pack: the rules.
        places: where devices stand, shared with the engine.
        grace_ms: how long after a window's end it is judged.
        lateness_ms: how long after its end late data may change it.

    Raises:
        ConfigError: a rule of silence waits longer than silence is told.
    """

    def __init__(self, pack: HealthPack, places: Places, *, grace_ms: int, lateness_ms: int) -> None:
        for rule in pack.rule:
            if rule.finds == "silence" and rule.limit >= TOLD_FOR:
                raise ConfigError(f"health rule {rule.id}: limit must lie below {TOLD_FOR} min; lower it")
        self._judge: Final = HealthJudge(pack, places)
        self._places: Final = places
        self._passes: Final = pack.passes
        self._silences: Final = [rule.id for rule in pack.rule if rule.finds == "silence"]
        self._grace_ms: Final = grace_ms
        self._late: Final = -(-lateness_ms // (TICK * MINUTE_MS)) * TICK
        self._keep: Final = self._late + 2 * HOUR
        reach = self._keep + HOUR + 2 * TICK + grace_ms // MINUTE_MS
        self._span: Final = -(-reach // HOUR) * HOUR
        self._wards: Final[dict[int, Ward]] = {}

    def push(self, batch: Columns, wild: Bools, partition: int) -> list[Evaluation]:
        """Take readings of one partition in the order of its log; what is told by them.

        Args:
            batch: the readings; those of one report lie together.
            wild: which of them no working monitor gives.
            partition: whose log they come from.
        """
        heard = self._judge.signals.heard(batch, wild)
        ward = self._ward(partition, int(heard.progress[0]))
        reached = np.maximum.accumulate(np.maximum(heard.progress, ward.watermark))
        clock = self._clock(reached)
        cuts = [0, *(np.flatnonzero(clock[1:] != clock[:-1]) + 1).tolist(), len(heard)]
        told: list[Evaluation] = []
        for first, last in pairwise(cuts):
            told += self._move(ward, int(clock[first]))
            self._take(ward, heard.pick(slice(first, last)))
        ward.watermark = int(reached[-1])
        return told

    def advance(self, partition: int, watermark_ms: int) -> list[Evaluation]:
        """Time passed in one partition without reports."""
        ward = self._ward(partition, watermark_ms)
        ward.watermark = max(ward.watermark, watermark_ms)
        return self._move(ward, self._minute(ward.watermark))

    def recall(self, published: Iterable[Evaluation], partition: int) -> None:
        """Say what was told before, older first, after ``advance`` to where the replay begins to judge."""
        ward = self._wards[partition]
        newest = {one.id: one for one in published}
        for one in newest.values():
            start, end = (to_ms(at) // MINUTE_MS for at in (one.window_start, one.window_end))
            device = self._places.index[one.device]
            if end > ward.begin:
                ward.kept.setdefault(Span(end - start, start), {})[one.limit, device] = one
            elif one.verdict is Verdict.PASS and device not in ward.owed.get(one.limit, {}):
                # The finding before it is not recalled, nor how many have passed since: tell all but one.
                ward.owe(one.limit, device, Verdict.EXCEED, self._passes - 1)
            else:
                ward.owe(one.limit, device, one.verdict, self._passes)
        self._places.refresh()

    def remember(self, heard_ms: Mapping[str, int], partition: int) -> None:
        """Say when devices of a partition were heard last (epoch ms), after ``advance`` as above."""
        minutes = {self._places.index[name]: at // MINUTE_MS for name, at in heard_ms.items()}
        self._places.refresh()
        self._wards[partition].minutes.remember(minutes)

    def retire(self, devices: Iterable[str]) -> None:
        """Say of which devices nothing is asked any more."""
        self._judge.retired = frozenset(devices)

    def forget(self, partition: int) -> None:
        """Drop all state of a partition."""
        self._wards.pop(partition, None)

    def _clock(self, watermark_ms: Int64s) -> Int64s:
        ticks: Int64s = (watermark_ms - self._grace_ms) // (TICK * MINUTE_MS) * TICK
        return ticks

    def _minute(self, watermark_ms: int) -> int:
        return int(self._clock(np.array([watermark_ms]))[0])

    def _ward(self, partition: int, watermark_ms: int) -> Ward:
        ward = self._wards.get(partition)
        if ward is None:
            clock = self._minute(watermark_ms)
            minutes = Minutes(clock - self._keep, self._span, len(self._judge.signals.extremes) + 1)
            ward = self._wards[partition] = Ward(watermark_ms, clock, clock, minutes)
        return ward

    def _take(self, ward: Ward, heard: Heard) -> None:
        """Note reports; those of windows that can change no more say nothing."""
        on_time = heard.progress // MINUTE_MS >= ward.clock - self._late
        if not on_time.all():
            heard = heard.pick(np.flatnonzero(on_time))
        rows = ward.minutes.rows_of(heard.device)
        ward.minutes.add(rows, heard)
        tens = heard.progress // (TICK * MINUTE_MS) * TICK
        closed = tens < ward.clock
        for row, start in set(zip(rows[closed].tolist(), tens[closed].tolist(), strict=True)):
            ward.soil(row, start, self._silences)

    def _move(self, ward: Ward, clock: int) -> list[Evaluation]:
        """Judge what has closed up to a tick, and let go what can change no more."""
        told: list[Evaluation] = []
        if clock <= ward.clock:
            return told
        for span, rows in sorted(ward.dirty.items()):
            told += self._tell(ward, span, np.array(sorted(rows), np.intp), again=True)
        ward.dirty.clear()
        emptied = ward.clock + TOLD_FOR + self._keep  # by then nobody is left of whom to tell
        for tick in range(ward.clock + TICK, clock + TICK, TICK):
            if emptied < tick <= clock - self._keep:
                continue
            ward.clock = tick
            ward.minutes.let_go(tick - self._keep)
            for length in (TICK, HOUR):
                if tick % length == 0:
                    span = Span(length, tick - length)
                    told += self._tell(ward, span, np.arange(len(ward.minutes)), again=False)
            told += ward.release(tick - self._late)
        return told

    def _tell(self, ward: Ward, span: Span, rows: Rows, *, again: bool) -> list[Evaluation]:
        """Judge a window of some devices; what must be handed out of it."""
        told: list[Evaluation] = []
        expected = ward.told_of if again else ward.expected
        for rule, device, fresh in list(self._judge.judge(ward.minutes, span, rows, expected)):
            told += ward.tell(span, rule, device, fresh)
            if not again or fresh.verdict is not Verdict.PASS:
                ward.owe(rule, device, fresh.verdict, self._passes)
        return told
