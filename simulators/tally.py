"""The tally: what was really published, for whoever reconciles it with the store."""

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from simulators.publication import Outcome, Publication


@dataclass(slots=True)
class Tally:
    """Counts of reports, not of messages: a backlog of five is five.

    A publication enters once, when its door has settled it; a resend of an HJ 212 frame
    and a redelivery of MQTT are the same publication.

    Attributes:
        published: reports by device, strangers included.
        good: device → measuring times (epoch ms) of the reports that must be stored.
        outcomes: reports by what must become of them.
        faults: reports by fault label.
        doors: reports by door.
        unconfirmed: (device, measuring time) of reports that no peer confirmed; they are in
            ``published`` and not in ``good``, and may be stored or not.
        messages: publications.
        final: nothing will be added any more.
    """

    published: Counter[str] = field(default_factory=Counter)
    good: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    doors: Counter[str] = field(default_factory=Counter)
    unconfirmed: list[tuple[str, int]] = field(default_factory=list)
    messages: int = 0
    final: bool = False

    def settle(self, publication: Publication, confirmed: bool) -> None:
        """Enter a publication whose door is done with it."""
        reports = publication.reports
        self.messages += 1
        self.doors[publication.door] += len(reports)
        for fault in publication.faults:
            self.faults[fault] += len(reports)
        for report in reports:
            self.published[report.device] += 1
        if not confirmed:
            self.unconfirmed += [(report.device, report.at_ms) for report in reports]
            return
        self.outcomes[publication.outcome] += len(reports)
        if publication.outcome is Outcome.STORED:
            for report in reports:
                self.good[report.device].append(report.at_ms)

    @property
    def reports(self) -> int:
        """All published reports."""
        return self.published.total()

    def as_dict(self) -> dict[str, Any]:
        """The form of the tally file."""
        return {
            "final": self.final,
            "messages": self.messages,
            "reports": self.reports,
            "outcomes": dict(self.outcomes),
            "faults": dict(sorted(self.faults.items())),
            "doors": dict(self.doors),
            "unconfirmed": self.unconfirmed,
            "published": dict(sorted(self.published.items())),
            "good": {device: self.good[device] for device in sorted(self.good)},
        }

    def write(self, path: Path) -> None:
        """Replace the file in one step, so that a reader never sees half of it."""
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_bytes(msgspec.json.encode(self.as_dict()))
        beside.replace(path)
