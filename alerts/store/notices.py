"""Notices as stored: the outbox. A row is written with its case, and delivered afterwards."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from alerts.ladder import Step
from alerts.notice import Facts, Notice
from domain.case import Nuisance
from runtime.database import Connection


class NoticeState(StrEnum):
    """How far a notice has come."""

    PENDING = "pending"  # written; also after an attempt that surely did not arrive
    SENDING = "sending"  # given to the channel, no answer yet
    DELIVERED = "delivered"
    FAILED = "failed"  # the channel refused it for good, or did not answer for a day
    UNKNOWN = "unknown"  # an attempt ended without an answer: it may have arrived; sent again
    CANCELLED = "cancelled"  # its case was withdrawn before it was sent


ENDED: Final = frozenset({NoticeState.DELIVERED, NoticeState.FAILED, NoticeState.CANCELLED})

_INSERT: Final = """
    INSERT INTO notices (notice_id, case_id, step, recipient, channel, title, body, state, created_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, 'pending', %s)
    ON CONFLICT (case_id, step, recipient, channel) DO NOTHING RETURNING notice_id
"""

# The newest exceeding window of the newest episode; of a withdrawn one only the episode is left.
_FACTS: Final = """
    SELECT c.case_id, s.name AS site_name, s.address, c.nuisance, c.first_offence, ep.device, ep.factor,
           ep.standard, ep.limit_id AS "limit", ep.limit_value, ep.unit, coalesce(e.clause, '') AS clause,
           coalesce(e.value, ep.peak) AS value, coalesce(e.window_start, ep.started_at) AS window_start,
           coalesce(e.window_end, ep.ended_at) AS window_end
    FROM cases c JOIN sites s USING (site) JOIN episodes ep USING (case_id)
    LEFT JOIN LATERAL (
        SELECT clause, value, window_start, window_end FROM evaluations
        WHERE (device, standard, limit_id, verdict) = (ep.device, ep.standard, ep.limit_id, 'exceed')
          AND window_start >= ep.started_at AND window_start < ep.ended_at AND ep.state <> 'withdrawn'
        ORDER BY window_start DESC LIMIT 1
    ) e ON true
    WHERE c.case_id = %s ORDER BY ep.state = 'withdrawn', ep.started_at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A notice on its way.

    Attributes:
        notice: what to send.
        state: how far it has come.
        attempts: attempts begun.
    """

    notice: Notice
    state: NoticeState
    attempts: int


async def facts(connection: Connection, case_id: int) -> Facts:
    """What a notice on this case tells."""
    row = await (await connection.execute(_FACTS, (case_id,))).fetchone()
    assert row is not None, f"case {case_id} has no episode"
    return Facts(**{**row, "nuisance": Nuisance(row["nuisance"])})


async def insert(connection: Connection, notice: Notice) -> bool:
    """Write a notice; False if it was written before."""
    found = await connection.execute(
        _INSERT,
        (
            *(notice.notice_id, notice.case_id, notice.step, notice.recipient, notice.channel),
            *(notice.title, notice.body, notice.created_at),
        ),
    )
    return await found.fetchone() is not None


async def case_of(connection: Connection, notice_id: uuid.UUID) -> int | None:
    """The case of a notice."""
    row = await (
        await connection.execute("SELECT case_id FROM notices WHERE notice_id = %s", (notice_id,))
    ).fetchone()
    return row["case_id"] if row else None


async def lock(connection: Connection, notice_id: uuid.UUID) -> Outgoing | None:
    """Hold a notice; its case is held already."""
    found = await connection.execute(
        "SELECT n.*, s.webhook_url FROM notices n LEFT JOIN squads s ON s.squad = n.recipient"
        " WHERE notice_id = %s FOR UPDATE OF n",
        (notice_id,),
    )
    row = await found.fetchone()
    if row is None:
        return None
    notice = Notice(
        **{name: row[name] for name in Notice.__slots__ if name not in ("step", "address")},
        step=Step(row["step"]),
        address=row["webhook_url"],
    )
    return Outgoing(notice, NoticeState(row["state"]), row["attempts"])


async def begin_attempt(connection: Connection, notice_id: uuid.UUID, state: NoticeState) -> None:
    """Count an attempt before it is made, so that no crash can hide it."""
    await connection.execute(
        "UPDATE notices SET state = %s, attempts = attempts + 1 WHERE notice_id = %s", (state, notice_id)
    )


async def record(
    connection: Connection, notice_id: uuid.UUID, state: NoticeState, detail: str, at: datetime
) -> None:
    """Write down how an attempt ended."""
    delivered_at = at if state is NoticeState.DELIVERED else None
    await connection.execute(
        "UPDATE notices SET state = %s, detail = %s, delivered_at = %s WHERE notice_id = %s",
        (state, detail, delivered_at, notice_id),
    )


async def cancel_unsent(connection: Connection, case_id: int, detail: str) -> None:
    """Keep back what no attempt was made to send."""
    await connection.execute(
        "UPDATE notices SET state = 'cancelled', detail = %s"
        " WHERE case_id = %s AND state = 'pending' AND attempts = 0",
        (detail, case_id),
    )


async def told(connection: Connection, case_id: int) -> list[str]:
    """Who has, or may have, been told of a case."""
    found = await connection.execute(
        "SELECT DISTINCT recipient FROM notices WHERE case_id = %s AND state <> 'cancelled'"
        " AND step < %s ORDER BY recipient",
        (case_id, Step.CORRECTION),
    )
    return [row["recipient"] for row in await found.fetchall()]


async def webhooks(connection: Connection, squads: Sequence[str]) -> set[str]:
    """Those of the squads that have a webhook."""
    found = await connection.execute(
        "SELECT squad FROM squads WHERE squad = ANY(%s) AND webhook_url IS NOT NULL", (list(squads),)
    )
    return {row["squad"] for row in await found.fetchall()}


async def mark_read(connection: Connection, recipients: Iterable[str], at: datetime) -> None:
    """The page has shown these recipients their notices."""
    await connection.execute(
        "UPDATE notices SET read_at = %s WHERE recipient = ANY(%s) AND channel = 'page'"
        " AND read_at IS NULL AND state <> 'cancelled'",
        (at, list(recipients)),
    )
