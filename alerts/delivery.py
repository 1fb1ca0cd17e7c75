"""One attempt to deliver a notice, so that a crash anywhere is seen and harmless.

The attempt is committed before it is made. If the process dies between the send and the
answer's commit, the next attempt finds ``sending``, calls the first one's outcome unknown, says
so in the case, and sends again with the same key.
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from alerts.channels import Channel, OutcomeUnknown
from alerts.ladder import Step
from alerts.notice import Notice
from alerts.store import cases, events, notices
from alerts.store.cases import Case
from alerts.store.notices import ENDED, NoticeState, Outgoing
from domain.case import CaseState
from domain.errors import Unavailable, Undeliverable
from runtime.database import Connection, Pool, transaction
from runtime.metrics import NOTICES

log = structlog.get_logger()

GIVE_UP_AFTER: Final = timedelta(hours=24)
"""A channel that has not answered for so long has failed; the ladder has long gone on."""


async def deliver(pool: Pool, channels: Mapping[str, Channel], notice_id: uuid.UUID) -> None:
    """Make one attempt, unless the notice has been dealt with.

    Raises:
        Unavailable: try again later; what is known of this attempt is written down.
    """
    async with transaction(pool) as connection:
        outgoing = await _begin(connection, notice_id)
    if outgoing is None:
        return
    notice = outgoing.notice
    try:
        await channels[notice.channel].send(notice)
    except Undeliverable as error:
        await _finish(pool, outgoing, NoticeState.FAILED, str(error))
    except Unavailable as error:
        state = _after_failure(outgoing, error)
        await _finish(pool, outgoing, state, str(error))
        if state is not NoticeState.FAILED:
            raise
    else:
        await _finish(pool, outgoing, NoticeState.DELIVERED, "")


def _after_failure(outgoing: Outgoing, error: Unavailable) -> NoticeState:
    if datetime.now(UTC) - outgoing.notice.created_at > GIVE_UP_AFTER:
        return NoticeState.FAILED
    if isinstance(error, OutcomeUnknown):
        return NoticeState.UNKNOWN
    # Not this attempt, but an earlier one may have arrived: that stays visible.
    return NoticeState.UNKNOWN if outgoing.state is NoticeState.UNKNOWN else NoticeState.PENDING


async def _begin(connection: Connection, notice_id: uuid.UUID) -> Outgoing | None:
    case_id = await notices.case_of(connection, notice_id)
    case = await cases.lock(connection, case_id) if case_id else None
    outgoing = await notices.lock(connection, notice_id)
    if case is None or outgoing is None or outgoing.state in ENDED:
        return None
    if _is_overtaken(case, outgoing):
        await notices.cancel_unsent(connection, case.case_id, "the case was withdrawn before it was sent")
        return None
    state = NoticeState.SENDING
    if outgoing.state in (NoticeState.SENDING, NoticeState.UNKNOWN):
        state = NoticeState.UNKNOWN
    if outgoing.state is NoticeState.SENDING:
        await _say_unknown(connection, outgoing.notice, "the attempt was interrupted")
    await notices.begin_attempt(connection, notice_id, state)
    return Outgoing(outgoing.notice, state, outgoing.attempts + 1)


def _is_overtaken(case: Case, outgoing: Outgoing) -> bool:
    withdrawn = case.state is CaseState.WITHDRAWN and outgoing.notice.step is not Step.CORRECTION
    return withdrawn and outgoing.attempts == 0


async def _finish(pool: Pool, outgoing: Outgoing, state: NoticeState, detail: str) -> None:
    notice, now = outgoing.notice, datetime.now(UTC)
    NOTICES.labels(notice.channel, state.value).inc()
    log.info("notice", notice=str(notice.notice_id), case=notice.case_id, state=state.value, detail=detail)
    async with transaction(pool) as connection:
        case = await cases.lock(connection, notice.case_id)
        assert case is not None
        await notices.record(connection, notice.notice_id, state, detail, now)
        if state is NoticeState.DELIVERED:
            await _say_delivered(connection, case, outgoing, now)
        elif state is NoticeState.FAILED:
            await events.append(
                connection, case.case_id, "notice_failed", _detail(notice, reason=detail), at=now
            )
        elif state is NoticeState.UNKNOWN and outgoing.state is not NoticeState.UNKNOWN:
            await _say_unknown(connection, notice, detail)


async def _say_delivered(connection: Connection, case: Case, outgoing: Outgoing, now: datetime) -> None:
    detail = _detail(outgoing.notice, attempts=outgoing.attempts)
    if case.state is CaseState.OPEN:
        await cases.set_state(connection, case.case_id, CaseState.NOTIFIED, now)
        detail |= {"from": CaseState.OPEN.value, "to": CaseState.NOTIFIED.value}
    await events.append(connection, case.case_id, "notified", detail, at=now)


async def _say_unknown(connection: Connection, notice: Notice, reason: str) -> None:
    await events.append(
        connection,
        notice.case_id,
        "notice_unknown",
        _detail(notice, reason=reason),
        at=datetime.now(UTC),
    )


def _detail(notice: Notice, **more: str | int) -> dict[str, str | int]:
    return {
        "notice": str(notice.notice_id),
        "step": int(notice.step),
        "recipient": notice.recipient,
        "channel": notice.channel,
        **more,
    }
