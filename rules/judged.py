"""What was found of one limit in one window: columns until somebody is told.

An ``Evaluation`` is made of it only to be handed out; what is remembered until a window's release stays in
columns, a tenth of the size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from domain.evaluation import Evaluation, Verdict
from rules.limits import MICRO, Limit
from rules.window import Window

VERDICTS: Final = (Verdict.INVALID, Verdict.PASS, Verdict.EXCEED, Verdict.INDETERMINATE)
"""A verdict's number in columns is its place here."""

NO_FIGURE: Final = int(np.iinfo(np.int64).min)
"""Stands where there is no figure that was compared."""

FINDING: Final = np.dtype(
    [
        ("device", np.int32),
        ("micro", np.int64),  # the figure compared, millionths of the unit, or NO_FIGURE
        ("n_valid", np.int32),
        ("n_expected", np.int32),
        ("verdict", np.int8),
        ("revision", np.int32),
    ]
)

Findings = npt.NDArray[np.void]
"""One ``FINDING`` for each device."""

Notes = tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One limit in one window.

    Attributes:
        limit: the limit.
        span: the window.
        findings: sorted by device, each once.
        notes: device → adjustments, where there are any.
    """

    limit: Limit
    span: Window
    findings: Findings
    notes: dict[int, Notes]

    def __len__(self) -> int:
        return len(self.findings)

    def pick(self, which: npt.NDArray[np.bool_]) -> "Judged":
        """The findings of a mask."""
        return replace(self, findings=self.findings[which])

    def evaluations(self, names: Sequence[str], *, final: bool) -> list[Evaluation]:
        """As they are handed out.

        Args:
            names: the devices by their number.
            final: whether nothing can change them any more.
        """
        limit, span, findings = self.limit, self.span, self.findings
        devices = findings["device"].tolist()
        notes = self.notes
        return list(
            map(
                Evaluation,
                map(names.__getitem__, devices),
                repeat(limit.standard),
                repeat(limit.id),
                repeat(limit.lane.factor),
                repeat(span.start),
                repeat(span.end),
                repeat(limit.lane.statistic),
                _values(findings["micro"]),
                repeat(limit.value),
                repeat(limit.unit),
                map(VERDICTS.__getitem__, findings["verdict"].tolist()),
                findings["n_valid"].tolist(),
                findings["n_expected"].tolist(),
                (notes.get(device, ()) for device in devices) if notes else repeat(()),
                repeat(limit.clause),
                findings["revision"].tolist(),
                repeat(final),
            )
        )


def together(parts: Sequence[Judged]) -> Judged:
    """Findings of one limit in one window, of devices that are in one part only."""
    if len(parts) == 1:
        return parts[0]
    findings = np.concatenate([part.findings for part in parts])
    findings = findings[np.argsort(findings["device"], kind="stable")]
    notes = {device: note for part in parts for device, note in part.notes.items()}
    return replace(parts[0], findings=findings, notes=notes)


def _values(micro: npt.NDArray[np.int64]) -> list[float | None]:
    values: list[float | None] = (micro / MICRO).tolist()
    for place in np.flatnonzero(micro == NO_FIGURE).tolist():
        values[place] = None
    return values
