"""The calendar in the database: stored by imports, read by rules as it changes."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from domain.calendar import CalendarEntry, CalendarKind
from runtime.corrections import Due, Why, ask, final_before
from runtime.database import Connection, Pool, transaction
from runtime.register import Changes

_COLUMNS: Final = "kind, title, first_day, last_day, begins, ends, area, site, document"
_STORE: Final = f"""
    INSERT INTO calendar AS kept ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (kind, area, site, first_day, begins, ends) DO UPDATE
    SET title = excluded.title, last_day = excluded.last_day, document = excluded.document
    WHERE (kept.title, kept.last_day, kept.document)
          IS DISTINCT FROM (excluded.title, excluded.last_day, excluded.document)
"""  # noqa: S608 - the names are constants of this file


async def load_calendar(connection: Connection) -> list[CalendarEntry]:
    """Every entry, the earliest first."""
    rows = await connection.execute(
        f"SELECT {_COLUMNS} FROM calendar ORDER BY first_day, begins, kind, area, site"  # noqa: S608
    )
    return [CalendarEntry(**(row | {"kind": CalendarKind(row["kind"])})) for row in await rows.fetchall()]


async def list_calendar(pool: Pool) -> list[dict[str, Any]]:
    """Every entry with its number, the earliest first."""
    async with transaction(pool) as connection:
        rows = await connection.execute(
            f"SELECT entry_id, {_COLUMNS} FROM calendar ORDER BY first_day, begins, entry_id"  # noqa: S608
        )
        return await rows.fetchall()


async def store_calendar(pool: Pool, entries: Sequence[CalendarEntry], lateness: timedelta) -> Changes:
    """Write entries; of the same kind, place, first day and hours, the later import counts.

    Windows that they touch and that may be final are judged again; the engine sees to the others.
    """
    async with transaction(pool) as connection:
        before = set(await load_calendar(connection))
        async with connection.cursor() as cursor:
            await cursor.executemany(_STORE, [_row(entry) for entry in entries])
        after = set(await load_calendar(connection))
        changed = before ^ after
        await ask(connection, _dues(changed, final_before(lateness)))
    new, gone = len(after - before), len(before - after)
    return Changes(new - gone, gone, len(set(entries) & before))


async def remove_calendar(pool: Pool, entry_id: int, lateness: timedelta) -> CalendarEntry | None:
    """Take an entry out, and let the windows that it touched be judged again; none if there is no such."""
    async with transaction(pool) as connection:
        before = set(await load_calendar(connection))
        await connection.execute("DELETE FROM calendar WHERE entry_id = %s", (entry_id,))
        gone = before.difference(await load_calendar(connection))
        await ask(connection, _dues(gone, final_before(lateness)))
    return next(iter(gone), None)


def _dues(changed: Iterable[CalendarEntry], horizon: datetime) -> list[Due]:
    return [
        Due(reason=Why.CALENDAR, site=entry.site, area=entry.area, since=start, until=min(end, horizon))
        for entry in changed
        for start, end in entry.spans()
        if start < horizon
    ]


def _row(entry: CalendarEntry) -> tuple[object, ...]:
    return (
        entry.kind.value,
        entry.title,
        entry.first_day,
        entry.last_day,
        entry.begins,
        entry.ends,
        entry.area,
        entry.site,
        entry.document,
    )
