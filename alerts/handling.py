"""What people do with a case: acknowledge, arrive, have it rectified, close it."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from alerts.policy import Policy
from alerts.store import cases, episodes, events
from alerts.store.cases import Case
from domain.case import CaseState, check_transition
from domain.episode import EpisodeState
from domain.errors import YanchenError
from runtime.accounts import Person
from runtime.database import Connection


class Action(Enum):
    """A button: the state it leads to."""

    ACKNOWLEDGE = CaseState.ACKNOWLEDGED
    ON_SITE = CaseState.ON_SITE  # also from rectified: the recheck failed
    RECTIFIED = CaseState.RECTIFIED
    CLOSE = CaseState.CLOSED


class ReasonNeeded(YanchenError):  # noqa: N818
    """A case is closed with a reason; the case is unchanged."""


class StillExceeding(YanchenError):  # noqa: N818
    """The monitor still exceeds, so the case cannot be closed; the case is unchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asks for.

    Attributes:
        action: the button.
        person: who pressed it.
        note: what they wrote; needed to close.
    """

    action: Action
    person: Person
    note: str = ""


async def handle(
    connection: Connection, case: Case, request: Request, *, policy: Policy, now: datetime
) -> bool:
    """Move a held case; False if it stood there already, so a second press is harmless.

    Raises:
        IllegalTransition: it cannot move like that.
        ReasonNeeded: closing without a reason.
        StillExceeding: closing while an episode is running.
    """
    target = request.action.value
    if case.state is target:
        return False
    check_transition(case.state, target)
    if target is CaseState.CLOSED:
        await _check_closing(connection, case, request, policy, now)
    await cases.set_state(connection, case.case_id, target, now)
    detail = {"from": case.state.value, "to": target.value, "name": request.person.name}
    if request.note:
        detail["note"] = request.note
    await events.append(connection, case.case_id, target.value, detail, at=now, actor=request.person.username)
    return True


async def _check_closing(
    connection: Connection, case: Case, request: Request, policy: Policy, now: datetime
) -> None:
    if not request.note:
        raise ReasonNeeded("a case is closed with a reason")
    running = [
        episode
        for episode in await episodes.of_case(connection, case.case_id)
        # After a long silence a new exceedance is a new episode with a new case: nothing can be missed.
        if episode.state is EpisodeState.OPEN and episode.ended_at > now - policy.rule.max_gap
    ]
    if running:
        raise StillExceeding("the monitor still exceeds the limit")
