"""Context series in the database: stored by imports, read by rules as they arrive."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from domain.context import ContextValue
from domain.instant import from_ms
from runtime.database import Connection, Pool, transaction


async def store_context(pool: Pool, values: Iterable[ContextValue]) -> int:
    """Write context values; a corrected one replaces the older.

    Returns:
        How many rows are new or changed.
    """
    rows = [
        (
            value.series,
            value.area,
            from_ms(value.at) if isinstance(value.at, int) else value.at,
            value.value,
            None if value.primary is None else list(value.primary),
        )
        for value in values
    ]
    async with transaction(pool) as connection, connection.cursor() as cursor:
        await cursor.executemany(
            'INSERT INTO context AS kept (series, area, at, value, "primary") VALUES (%s, %s, %s, %s, %s)'
            " ON CONFLICT (series, area, at) DO UPDATE"
            ' SET value = excluded.value, "primary" = excluded."primary", stored_at = now()'
            ' WHERE (kept.value, kept."primary") IS DISTINCT FROM (excluded.value, excluded."primary")',
            rows,
        )
        return cursor.rowcount


async def context_since(pool: Pool, stored_at: datetime | None) -> tuple[list[ContextValue], datetime]:
    """What was stored since an instant (None: all of the last 31 days), and the instant to ask with next.

    The last minute before the instant comes again: a slow transaction commits under an older time.
    """
    query = (
        'SELECT series, area, at, value, "primary", stored_at FROM context'
        " WHERE stored_at > %s - interval '1 minute' AND at > now() - interval '31 days' ORDER BY stored_at"
    )
    since = stored_at or from_ms(0)
    async with transaction(pool) as connection:
        rows = await (await connection.execute(query, (since,))).fetchall()
    return [_value(row) for row in rows], max([since, *(row["stored_at"] for row in rows)])


async def context_between(connection: Connection, since: datetime, until: datetime) -> list[ContextValue]:
    """The hours that overlap ``[since, until)``, of every series and area."""
    query = 'SELECT series, area, at, value, "primary" FROM context WHERE at > %s AND at < %s'
    rows = await (await connection.execute(query, (since - timedelta(hours=1), until))).fetchall()
    return [_value(row) for row in rows]


def _value(row: Mapping[str, Any]) -> ContextValue:
    return ContextValue(
        series=row["series"],
        area=row["area"],
        at=row["at"],
        value=row["value"],
        primary=None if row["primary"] is None else tuple(row["primary"]),
    )
