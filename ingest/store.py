"""Reports → the tables ``reports`` and ``readings``, each once; the first stored wins.

What is new for certain (``ingest.marks``) is copied straight into the tables. Of the rest, a report
that is stored already with the same factors is let be, which one probe of ``reports`` tells; what
then is left goes by a staging table that is held against both tables.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from psycopg import sql

from ingest.account import account
from ingest.arrival import Arrivals, from_us, to_us
from ingest.copy_rows import BEGIN, END, READINGS, REPORTS, Buffer, Rows
from ingest.marks import Marks
from ingest.novelty import Mask, count, hours, newest, sort_out
from ingest.prepared import Prepared
from runtime.database import Connection

_STAGE: Final = """
    CREATE TEMP TABLE IF NOT EXISTS staged_reports (LIKE reports INCLUDING DEFAULTS) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS staged_readings (LIKE readings INCLUDING DEFAULTS) ON COMMIT DELETE ROWS
"""
# DISTINCT ON in the order of arrival keeps the first of a batch: the first stored wins (design §5).
_KEEP_REPORTS: Final = """
    INSERT INTO reports (point_id, at, seq, received_at, source, shape, raw)
    SELECT DISTINCT ON (point_id, at) point_id, at, seq, received_at, source, shape, raw
    FROM staged_reports ORDER BY point_id, at, ctid
    ON CONFLICT DO NOTHING RETURNING point_id, at
"""
_KEEP_READINGS: Final = """
    INSERT INTO readings (point_id, factor, at, value, flag, received_at)
    SELECT DISTINCT ON (point_id, factor, at) point_id, factor, at, value, flag, received_at
    FROM staged_readings ORDER BY point_id, factor, at, ctid
    ON CONFLICT DO NOTHING
"""
# Hour by hour of a point, because a probe of a hypertable costs as much as some ten rows; OFFSET keeps
# the planner from joining the whole table instead.
_STORED: Final = """
    SELECT array_agg(kept.point_id) AS point, array_agg(kept.shape) AS shape,
           array_agg((extract(epoch FROM kept.at) * 1000000)::bigint - 946684800000000) AS at_us
    FROM unnest(%b::int[], %b::timestamptz[], %b::timestamptz[]) AS said (point_id, since, until)
    CROSS JOIN LATERAL (SELECT point_id, at, shape FROM reports
                        WHERE reports.point_id = said.point_id AND shape IS NOT NULL
                          AND reports.at BETWEEN said.since AND said.until
                          AND reports.at BETWEEN %b AND %b OFFSET 0) AS kept
"""
_NEWEST: Final = """
    UPDATE devices SET last_report_at = greatest(coalesce(last_report_at, '-infinity'), said.at)
    FROM unnest(%b::text[], %b::timestamptz[]) AS said (device, at) WHERE devices.device = said.device
"""


async def store(connection: Connection, prepared: Prepared, marks: Marks | None) -> int:
    """Store what is new of a batch, and account for all of it.

    Args:
        connection: inside the transaction.
        prepared: the batch.
        marks: what this writer knows of what is stored; without them every row is looked up.

    Returns:
        How many reports were new.

    Raises:
        UniqueViolation: the marks were wrong.
    """
    batch = prepared.arrivals
    if not len(batch):
        return 0
    found = sort_out(batch, await marks.of(connection, batch) if marks else None)
    await _copy(connection, "reports", "readings", prepared.rows, found.new)
    unsure = await _without_known(connection, batch, found.unsure)
    stored = found.new | await _keep_what_is_new(connection, prepared, unsure)
    counts = count(batch, stored)
    await account(connection, {place: (new, again, 0) for place, (new, again) in counts.items()})
    await _note_newest(connection, batch)
    return int(stored.sum())


async def _copy(connection: Connection, reports: str, readings: str, rows: Rows, which: Mask) -> None:
    """COPY the rows of some reports into two tables."""
    if which.any():
        await _copy_rows(connection, reports, REPORTS, rows.of_reports(which))
        await _copy_rows(connection, readings, READINGS, rows.of_readings(which))


async def _copy_rows(connection: Connection, table: str, columns: str, pieces: Iterable[Buffer]) -> None:
    # The names are ours.
    statement = sql.SQL(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)")
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for piece in (BEGIN, *pieces, END):
            await copy.write(piece)


async def _without_known(connection: Connection, batch: Arrivals, unsure: Mask) -> Mask:
    """Which of these reports are not stored with the same factors."""
    lines = np.flatnonzero(unsure)
    if not len(lines):
        return unsure
    point, at_us, shape = batch.point[lines], batch.at_us[lines], batch.shape[lines]
    heads, tails = hours(point, at_us)
    since, until = (list(map(from_us, at_us[ends].tolist())) for ends in (heads, tails))
    sent = (point[heads].tolist(), since, until, min(since), max(until))
    row = await (await connection.execute(_STORED, sent, binary=True)).fetchone()
    stored = (
        set(zip(*(row[name] or () for name in ("point", "at_us", "shape")), strict=True)) if row else set()
    )
    left = unsure.copy()
    places = zip(point.tolist(), at_us.tolist(), shape.tolist(), strict=True)
    left[lines] = [place not in stored for place in places]
    return left


async def _keep_what_is_new(connection: Connection, prepared: Prepared, unsure: Mask) -> Mask:
    """Store what the tables do not have yet of these reports; which of them were."""
    stored = np.zeros_like(unsure)
    if not unsure.any():
        return stored
    await connection.execute(_STAGE)
    await _copy(connection, "staged_reports", "staged_readings", prepared.rows, unsure)
    cursor = await connection.execute(_KEEP_REPORTS)
    left = {(row["point_id"], to_us(row["at"])) for row in await cursor.fetchall()}
    await connection.execute(_KEEP_READINGS)
    batch = prepared.arrivals
    for line in np.flatnonzero(unsure).tolist():
        place = (int(batch.point[line]), int(batch.at_us[line]))
        stored[line] = place in left
        left.discard(place)
    return stored


async def _note_newest(connection: Connection, batch: Arrivals) -> None:
    said = newest(batch)
    devices = sorted(said)
    await connection.execute(_NEWEST, (devices, [from_us(said[device]) for device in devices]))
