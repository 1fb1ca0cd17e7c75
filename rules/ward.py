"""A ward: the devices of one partition, what they said, and what was told of them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from domain.evaluation import Evaluation, Verdict
from rules.minutes import HOUR, Minutes

TICK: Final = 10
"""Windows close on whole tens of minutes of event time."""


class Span(NamedTuple):
    """A window, in minutes: sorted by length, then start (from the epoch)."""

    length: int
    start: int

    @property
    def end(self) -> int:
        """Its end, excluded."""
        return self.start + self.length


@dataclass(slots=True)
class Ward:
    """State of one partition.

    Attributes:
        watermark: epoch ms.
        clock: windows that end by this minute are judged.
        begin: windows that end by this minute are not this ward's to judge.
        minutes: what the devices said.
        kept: window → (rule, device) → what was told of it last.
        owed: (rule, device) → passing windows still to be told, so that a finding is seen to end.
        dirty: window → rows whose readings changed after it was judged.
    """

    watermark: int
    clock: int
    begin: int
    minutes: Minutes
    kept: dict[Span, dict[tuple[str, int], Evaluation]] = field(default_factory=dict)
    owed: dict[str, dict[int, int]] = field(default_factory=dict)
    dirty: dict[Span, set[int]] = field(default_factory=dict)

    def told_of(self, span: Span, rule: str) -> Collection[int]:
        """Devices of which something was told of this window."""
        return {device for name, device in self.kept.get(span, ()) if name == rule}

    def expected(self, span: Span, rule: str) -> Collection[int]:
        """Devices of which this window is told, when it closes, even where it passes."""
        return self.told_of(span, rule) | self.owed.get(rule, {}).keys()

    def owe(self, rule: str, device: int, verdict: Verdict, passes: int) -> None:
        """Count how many passing windows are to be told after this one."""
        owed = self.owed.setdefault(rule, {})
        if verdict is Verdict.EXCEED:
            owed[device] = passes
        elif verdict is Verdict.INDETERMINATE:
            owed[device] = max(1, owed.get(device, 0))
        elif owed.get(device, 0) > 1:
            owed[device] -= 1
        else:
            owed.pop(device, None)

    def tell(self, span: Span, rule: str, device: int, fresh: Evaluation) -> list[Evaluation]:
        """What to hand out of a window judged (again): nothing if it says nothing new."""
        kept = self.kept.setdefault(span, {})
        last = kept.get((rule, device))
        if last is not None:
            if last.final or msgspec.structs.replace(fresh, revision=last.revision) == last:
                return []
            fresh = msgspec.structs.replace(fresh, revision=last.revision + 1)
        kept[rule, device] = fresh
        return [fresh]

    def soil(self, row: int, start: int, silences: Collection[str]) -> None:
        """A report came for the ten minutes from ``start`` on, which were judged before.

        Args:
            row: the device's row.
            start: minute.
            silences: rules of silence; what they told of later windows may not hold now.
        """
        device = int(self.minutes.device[row])
        hour = start // HOUR * HOUR
        spans = {Span(TICK, start), Span(HOUR, hour), Span(HOUR, hour + HOUR)}
        spans |= {
            span
            for span, told in self.kept.items()
            if span.start > start and any((rule, device) in told for rule in silences)
        }
        for span in spans:
            if self.begin < span.end <= self.clock:
                self.dirty.setdefault(span, set()).add(row)

    def release(self, until: int) -> list[Evaluation]:
        """What was told of windows that end by a minute, final now."""
        gone = sorted(span for span in self.kept if span.end <= until)
        told = [one for span in gone for one in self.kept.pop(span).values()]
        return [msgspec.structs.replace(one, final=True) for one in told if not one.final]
