"""Which evaluation of a window counts: the newest, whatever order they come in."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.evaluation import Evaluation, Verdict


@dataclass(frozen=True, slots=True)
class Standing:
    """What is stored of a window.

    Attributes:
        revision: its revision.
        final: whether that is final.
        verdict: its verdict.
    """

    revision: int
    final: bool
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """An evaluation that counts, and what counted before it.

    Attributes:
        evaluation: the newest of its window.
        before: the stored verdict it replaces; None for a window seen first.
    """

    evaluation: Evaluation
    before: Verdict | None


def supersedes(new: Evaluation, old: Evaluation | Standing) -> bool:
    """A higher revision wins; of the same revision, the final one."""
    return (new.revision, new.final) > (old.revision, old.final)


def newest(evaluations: Iterable[Evaluation]) -> dict[uuid.UUID, Evaluation]:
    """One evaluation for each window of a batch."""
    found: dict[uuid.UUID, Evaluation] = {}
    for evaluation in evaluations:
        known = found.get(evaluation.id)
        if known is None or supersedes(evaluation, known):
            found[evaluation.id] = evaluation
    return found


def judged(batch: Mapping[uuid.UUID, Evaluation], standing: Mapping[uuid.UUID, Standing]) -> list[Judged]:
    """What of a batch counts beside what is stored."""
    return [
        Judged(evaluation, standing[key].verdict if key in standing else None)
        for key, evaluation in batch.items()
        if key not in standing or supersedes(evaluation, standing[key])
    ]
