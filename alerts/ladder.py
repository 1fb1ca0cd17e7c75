"""The ladder of a case that nobody acknowledges: who is told, in which order."""

from enum import IntEnum
from typing import Final

from domain.case import CaseState


class Step(IntEnum):
    """A round of notices; with case, recipient and channel it is unique."""

    FIRST = 1  # 首次告知
    AGAIN = 2  # 再次提醒
    SUPERVISE = 3  # 督办
    CORRECTION = 9  # 撤销更正: the exceedance was taken back


_UNANSWERED: Final = frozenset({CaseState.OPEN, CaseState.NOTIFIED})


def due(state: CaseState, taken: int, step: Step) -> bool:
    """Whether a step of the ladder is still to be taken.

    Args:
        state: where the case stands; an acknowledged case is not escalated.
        taken: steps after the first that were taken already.
        step: the one whose clock has run down.
    """
    return state in _UNANSWERED and step - Step.FIRST > taken


def following(step: Step) -> Step | None:
    """The step whose clock starts with this one; None after the last."""
    return {Step.FIRST: Step.AGAIN, Step.AGAIN: Step.SUPERVISE}.get(step)
