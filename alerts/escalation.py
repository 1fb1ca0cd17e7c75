"""Take a step of the ladder when its clock has run down and nobody has acknowledged."""

from datetime import datetime

from alerts import notify
from alerts.ladder import Step, due
from alerts.notice import Recipient
from alerts.policy import Policy
from alerts.route import Post, responsible, superior
from alerts.store import cases, events, grid
from alerts.store.cases import Case
from runtime.database import Connection, Pool, transaction


async def escalate(pool: Pool, case_id: int, step: Step, *, policy: Policy, now: datetime) -> bool:
    """Take the step, once; whether it was due."""
    async with transaction(pool) as connection:
        case = await cases.lock(connection, case_id)
        if case is None or not due(case.state, case.escalation, step):
            return False
        way_up = await grid.way_up(connection, await _cell(connection, case))
        squad = await _reassign(connection, case, responsible(way_up), now)
        chosen = superior(way_up, squad) if step is Step.SUPERVISE else responsible(way_up)
        recipient = Recipient.of(chosen)
        await cases.set_escalation(connection, case_id, step - Step.FIRST, squad)
        detail = {"step": int(step), "recipient": recipient.name}
        await events.append(connection, case_id, "escalated", detail, at=now)
        await notify.issue(connection, case, step, [recipient], policy=policy, now=now)
        await notify.start_clock(connection, case, step, policy=policy, now=now)
    return True


async def _cell(connection: Connection, case: Case) -> str:
    found = await connection.execute("SELECT grid_code FROM sites WHERE site = %s", (case.site,))
    row = await found.fetchone()
    return str(row["grid_code"]) if row else ""


async def _reassign(connection: Connection, case: Case, post: Post | None, now: datetime) -> str | None:
    """A squad that came on duty, or took over, since the case was opened gets it."""
    if post is None or post.squad == case.squad:
        return case.squad
    detail = {"from": case.squad, "to": post.squad}
    await events.append(connection, case.case_id, "reassigned", detail, at=now)
    return post.squad
