"""Write notices: the rows and their delivery jobs, in the transaction of the change they tell."""

from collections.abc import Sequence
from datetime import datetime

from alerts import jobs
from alerts.ladder import Step, following
from alerts.notice import Notice, Recipient, notice_id, write
from alerts.policy import Policy
from alerts.store import events, notices
from alerts.store.cases import Case
from runtime.database import Connection


async def issue(
    connection: Connection,
    case: Case,
    step: Step,
    recipients: Sequence[Recipient],
    *,
    policy: Policy,
    now: datetime,
) -> int:
    """Write a round of notices on a held case; what was written before is left as it is.

    Returns:
        How many are new.
    """
    title, body = write(step, await notices.facts(connection, case.case_id), policy.public_url)
    written = 0
    for recipient in recipients:
        for channel in recipient.channels:
            notice = Notice(
                notice_id=notice_id(case.case_id, step, recipient.name, channel),
                case_id=case.case_id,
                step=step,
                recipient=recipient.name,
                channel=channel,
                title=title,
                body=body,
                created_at=now,
            )
            if await notices.insert(connection, notice):
                await jobs.defer_delivery(connection, notice.notice_id)
                written += 1
    return written


async def start_clock(
    connection: Connection, case: Case, step: Step, *, policy: Policy, now: datetime
) -> None:
    """Start the clock of the step that follows this one, if there is one."""
    coming = following(step)
    if coming is not None:
        await jobs.defer_escalation(connection, case.case_id, coming, now + policy.escalate_after)


async def correct(connection: Connection, case: Case, *, policy: Policy, now: datetime) -> None:
    """Tell those who were told of a withdrawn case that it does not hold."""
    await notices.cancel_unsent(connection, case.case_id, "the case was withdrawn before it was sent")
    told = await notices.told(connection, case.case_id)
    with_webhook = await notices.webhooks(connection, told)
    recipients = [Recipient(name, name in with_webhook) for name in told]
    if await issue(connection, case, Step.CORRECTION, recipients, policy=policy, now=now):
        await events.append(connection, case.case_id, "correction_sent", {"recipients": told}, at=now)
