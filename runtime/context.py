"""Context series in the database: stored by imports, read by rules as they arrive."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from domain.context import ContextValue
from domain.instant import from_ms
from runtime.corrections import Due, Why, ask, final_before
from runtime.database import Connection, Pool, transaction
from runtime.register import Changes

_COLUMNS: Final = 'series, area, at, value, "primary"'
_HOUR: Final = timedelta(hours=1)
_STORE: Final = f"""
    INSERT INTO context AS kept ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (series, area, at) DO UPDATE
    SET value = excluded.value, "primary" = excluded."primary", stored_at = now()
    WHERE (kept.value, kept."primary") IS DISTINCT FROM (excluded.value, excluded."primary")
    RETURNING xmax = 0 AS new, series, area, at
"""  # noqa: S608 - the names are constants of this file


async def store_context(pool: Pool, values: Sequence[ContextValue], lateness: timedelta) -> Changes:
    """Write context values; a corrected one replaces the older.

    Windows that may be final and have got another context are put on the list of corrections.

    Args:
        pool: the database.
        values: hours of series.
        lateness: how long the engine waits for what comes late.
    """
    changed: list[Mapping[str, Any]] = []
    async with transaction(pool) as connection:
        async with connection.cursor() as cursor:
            await cursor.executemany(_STORE, [_row(value) for value in values], returning=True)
            more: bool | None = bool(values)
            while more:
                changed += await cursor.fetchall()
                more = cursor.nextset()
        await ask(connection, _dues(changed, final_before(lateness)))
    new = sum(row["new"] for row in changed)
    return Changes(new, len(changed) - new, len(values) - len(changed))


def _dues(changed: Iterable[Mapping[str, Any]], horizon: datetime) -> list[Due]:
    return [
        Due(
            reason=Why.CONTEXT,
            area=row["area"],
            series=row["series"],
            since=row["at"],
            until=row["at"] + _HOUR,
        )
        for row in changed
        if row["at"] < horizon
    ]


def _row(value: ContextValue) -> tuple[object, ...]:
    return (
        value.series,
        value.area,
        from_ms(value.at) if isinstance(value.at, int) else value.at,
        value.value,
        None if value.primary is None else list(value.primary),
    )


async def context_since(pool: Pool, stored_at: datetime | None) -> tuple[list[ContextValue], datetime]:
    """What was stored since an instant (None: all of the last 31 days), and the instant to ask with next.

    The last minute before the instant comes again: a slow transaction commits under an older time.
    """
    query = (
        f"SELECT {_COLUMNS}, stored_at FROM context"  # noqa: S608 - the names are constants of this file
        " WHERE stored_at > %s - interval '1 minute' AND at > now() - interval '31 days' ORDER BY stored_at"
    )
    since = stored_at or from_ms(0)
    async with transaction(pool) as connection:
        rows = await (await connection.execute(query, (since,))).fetchall()
    return [_value(row) for row in rows], max([since, *(row["stored_at"] for row in rows)])


async def context_between(connection: Connection, since: datetime, until: datetime) -> list[ContextValue]:
    """The hours that overlap ``[since, until)``, of every series and area."""
    query = f"SELECT {_COLUMNS} FROM context WHERE at > %s AND at < %s"  # noqa: S608 - as above
    rows = await (await connection.execute(query, (since - _HOUR, until))).fetchall()
    return [_value(row) for row in rows]


async def list_context(pool: Pool, since: datetime, series: str, area: str) -> list[dict[str, Any]]:
    """What is stored of the hours since an instant; an empty series is every one, an area is a prefix."""
    query = (
        f"SELECT {_COLUMNS}, stored_at FROM context"  # noqa: S608 - as above
        " WHERE at >= %s AND (%s = '' OR series = %s) AND starts_with(area, %s) ORDER BY at, series, area"
    )
    async with transaction(pool) as connection:
        return await (await connection.execute(query, (since, series, series, area))).fetchall()


def _value(row: Mapping[str, Any]) -> ContextValue:
    primary = row["primary"]
    return ContextValue(
        series=row["series"],
        area=row["area"],
        at=row["at"],
        value=row["value"],
        primary=None if primary is None else tuple(primary),
    )
