"""The chained events of cases; the case's row is held by whoever appends."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from alerts.chain import ENGINE, Event, link
from runtime.database import Connection

_INSERT: Final = """
    INSERT INTO case_events (case_id, seq, at, kind, actor, detail, prev_hash, hash)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""


async def append(
    connection: Connection,
    case_id: int,
    kind: str,
    detail: dict[str, Any],
    *,
    at: datetime,
    actor: str = ENGINE,
) -> Event:
    """Add an event at the end of a held case's chain."""
    found = await connection.execute(
        "SELECT * FROM case_events WHERE case_id = %s ORDER BY seq DESC LIMIT 1", (case_id,)
    )
    row = await found.fetchone()
    before = Event(**row) if row else None
    event = link(before, case_id=case_id, at=at, kind=kind, actor=actor, detail=detail)
    await connection.execute(
        _INSERT,
        (case_id, event.seq, at, kind, actor, Jsonb(detail), event.prev_hash, event.hash),
    )
    return event


async def chain(connection: Connection, case_id: int) -> Sequence[Event]:
    """All events of a case, in order; ``alerts.chain.verify`` checks them."""
    found = await connection.execute("SELECT * FROM case_events WHERE case_id = %s ORDER BY seq", (case_id,))
    return [Event(**row) for row in await found.fetchall()]
