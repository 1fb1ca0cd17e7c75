"""The writer: Kafka → TimescaleDB, every reading once, every report accounted for.

One transaction holds a batch's readings, its report rows, the ledger and the offsets,
so the counts stay true whatever is killed. What is new for certain (``ingest.marks``) is copied
straight into the tables, in the key's order; the rest goes by a staging table that is held against
them. Either way the first stored wins.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from operator import attrgetter
from typing import Final

import structlog
from psycopg import sql
from psycopg.errors import UniqueViolation

from domain.codec import decode_rejected
from domain.errors import Reason
from domain.report import RejectedMessage, Report, Scope
from domain.topics import READINGS, REJECTED
from ingest.arrival import Arrival, Counts, Prepared, count, newest, prepare, sort_out
from ingest.copy_rows import READINGS as READING_COLUMNS
from ingest.copy_rows import REPORTS as REPORT_COLUMNS
from ingest.copy_rows import from_us, stream, to_us
from ingest.marks import Marks
from runtime.database import Connection, Pool, transaction
from runtime.kafka import Batch, Record, Stream
from runtime.metrics import EVENT_LAG, REPORTS_DUPLICATE, REPORTS_STORED
from runtime.offsets import claim, ends_of
from runtime.register import Register

log = structlog.get_logger()

CONSUMER: Final = "writer"
_MOST: Final = 20_000
"""Records of one batch: in a backlog, enough for a point's rows to lie together."""

_STAGE: Final = """
    CREATE TEMP TABLE IF NOT EXISTS staged_reports (LIKE reports INCLUDING DEFAULTS) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS staged_readings (LIKE readings INCLUDING DEFAULTS) ON COMMIT DELETE ROWS
"""
# DISTINCT ON in the order of arrival keeps the first of a batch: the first stored wins (design §5).
_KEEP_REPORTS: Final = """
    INSERT INTO reports (point_id, at, seq, received_at, source, raw)
    SELECT DISTINCT ON (point_id, at) point_id, at, seq, received_at, source, raw
    FROM staged_reports ORDER BY point_id, at, ctid
    ON CONFLICT DO NOTHING RETURNING point_id, at
"""
_KEEP_READINGS: Final = """
    INSERT INTO readings (point_id, factor, at, value, flag, received_at)
    SELECT DISTINCT ON (point_id, factor, at) point_id, factor, at, value, flag, received_at
    FROM staged_readings ORDER BY point_id, factor, at, ctid
    ON CONFLICT DO NOTHING
"""
_COUNT: Final = """
    INSERT INTO ledger AS kept (device, hour, stored, duplicate, rejected)
    SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::int[], %s::int[], %s::int[])
    ON CONFLICT (device, hour) DO UPDATE
    SET stored = kept.stored + excluded.stored, duplicate = kept.duplicate + excluded.duplicate,
        rejected = kept.rejected + excluded.rejected
"""
_NEWEST: Final = """
    UPDATE devices SET last_report_at = greatest(coalesce(last_report_at, '-infinity'), said.at)
    FROM unnest(%s::text[], %s::timestamptz[]) AS said (device, at) WHERE devices.device = said.device
"""
_DEAD_LETTER: Final = """
    INSERT INTO rejected (topic, partition, log_offset, payload, origin, received_at, reason, detail,
                          device, scope, factors, source)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a batch did, in reports."""

    stored: int = 0
    duplicate: int = 0
    rejected: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(
            self.stored + other.stored, self.duplicate + other.duplicate, self.rejected + other.rejected
        )


async def run_writer(pool: Pool, stream: Stream, register: Register) -> None:
    """Write for ever; while the server stores a batch, the next one is decoded and packed.

    Raises:
        Unavailable: Kafka or the database is away; what was not committed comes again.
    """
    ready: asyncio.Queue[tuple[str, Batch | Prepared]] = asyncio.Queue(maxsize=1)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_take(stream, register, ready), name="take")
        tasks.create_task(_store(pool, stream, register, ready), name="store")


async def _take(
    stream: Stream, register: Register, ready: asyncio.Queue[tuple[str, Batch | Prepared]]
) -> None:
    while True:
        for topic, batch in (await stream.take(most=_MOST)).items():
            if topic == REJECTED:
                await ready.put((topic, batch))
            else:
                await ready.put((topic, await asyncio.to_thread(prepare, batch, register.devices)))


async def _store(
    pool: Pool, stream: Stream, register: Register, ready: asyncio.Queue[tuple[str, Batch | Prepared]]
) -> None:
    marks = Marks()
    while True:
        topic, work = await ready.get()
        tally = await write(pool, register, topic, work, marks)
        batch = work.batch if isinstance(work, Prepared) else work
        await stream.commit(ends_of(topic, batch))
        REPORTS_STORED.inc(tally.stored)
        REPORTS_DUPLICATE.inc(tally.duplicate)


async def write(
    pool: Pool, register: Register, topic: str, work: Batch | Prepared, marks: Marks | None = None
) -> Tally:
    """Store one batch of one topic in one transaction.

    Args:
        pool: the database.
        register: the devices.
        topic: ``readings`` or ``readings.rejected``.
        work: what came, as it is or prepared.
        marks: what this writer knows of what is stored; without them every row is looked up.
    """
    if topic == REJECTED:
        return await _write_letters(pool, work.batch if isinstance(work, Prepared) else work)
    prepared = work if isinstance(work, Prepared) else prepare(work, register.devices)
    if prepared.stray and await register.refresh():
        prepared = prepare(prepared.batch, register.devices)
    try:
        return await _write_batch(pool, prepared, marks)
    except UniqueViolation:
        if marks is None:
            raise
        log.warning("marks_were_wrong", partitions=sorted(prepared.batch))
        marks.forget(prepared.batch)
        return await _write_batch(pool, prepared, None)


async def _write_letters(pool: Pool, batch: Batch) -> Tally:
    async with transaction(pool) as connection:
        records = await claim(connection, CONSUMER, REJECTED, batch)
        letters = [(record, decode_rejected(record.value)) for record in records]
        return await _write_rejected(connection, REJECTED, letters)


async def _write_batch(pool: Pool, prepared: Prepared, marks: Marks | None) -> Tally:
    async with transaction(pool) as connection:
        if marks is not None:
            await marks.check(connection, CONSUMER, READINGS, prepared.batch)
        claimed = {id(record) for record in await claim(connection, CONSUMER, READINGS, prepared.batch)}
        arrivals = [one for one in prepared.arrivals if id(one.record) in claimed]
        stray = [
            (record, _stray(record, report)) for record, report in prepared.stray if id(record) in claimed
        ]
        tally = await _write_reports(connection, arrivals, marks)
        tally += await _write_rejected(connection, READINGS, stray)
    if marks is not None:
        marks.keep(prepared.batch, arrivals)
    return tally


def _stray(record: Record, report: Report) -> RejectedMessage:
    """Admitted once, and its device has left the register since."""
    return RejectedMessage(
        payload=record.value,
        origin=f"kafka:{READINGS}",
        received_at=report.received_at or report.instant,
        reason=Reason.UNKNOWN_DEVICE,
        detail=f"device {report.device!r} left the register after its report came in; add it, then replay",
        device=report.device,
        source=report.source,
    )


async def _write_reports(connection: Connection, arrivals: Sequence[Arrival], marks: Marks | None) -> Tally:
    if not arrivals:
        return Tally()
    known = await marks.of(connection, arrivals) if marks else None
    sorted_out = sort_out(arrivals, known)
    await _copy(connection, "reports", "readings", sorted(sorted_out.new, key=attrgetter("row")))
    again = await _keep_what_is_new(connection, sorted_out.unsure) if sorted_out.unsure else set()
    counts = count(arrivals, {(one.point, one.at_us) for one in sorted_out.new} | again)
    await _account(connection, counts, arrivals)
    stored = sum(stored for stored, _ in counts.values())
    return Tally(stored, len(arrivals) - stored)


async def _copy(connection: Connection, reports: str, readings: str, arrivals: Iterable[Arrival]) -> None:
    """COPY the rows of these arrivals into two tables."""
    rows = list(arrivals)
    await _copy_rows(connection, reports, REPORT_COLUMNS, [one.row for one in rows])
    await _copy_rows(connection, readings, READING_COLUMNS, [one.reading_rows for one in rows])


async def _copy_rows(connection: Connection, table: str, columns: str, rows: Iterable[bytes]) -> None:
    # The names are ours.
    statement = sql.SQL(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)")
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(stream(rows))


async def _keep_what_is_new(connection: Connection, unsure: Sequence[Arrival]) -> set[tuple[int, int]]:
    """Store what the tables do not have yet; the (point, µs) of the reports among it."""
    await connection.execute(_STAGE)
    await _copy(connection, "staged_reports", "staged_readings", unsure)
    cursor = await connection.execute(_KEEP_REPORTS)
    stored = {(row["point_id"], to_us(row["at"])) for row in await cursor.fetchall()}
    await connection.execute(_KEEP_READINGS)
    return stored


async def _account(connection: Connection, counts: Counts, arrivals: Iterable[Arrival]) -> None:
    places = sorted(counts)  # in one order, so that two writers wait for each other and do not lock up
    await connection.execute(
        _COUNT,
        (
            [device for device, _ in places],
            [from_us(hour) for _, hour in places],
            [counts[place][0] for place in places],
            [counts[place][1] for place in places],
            [0] * len(places),
        ),
    )
    said = newest(arrivals)
    devices = sorted(said)
    await connection.execute(_NEWEST, (devices, [from_us(said[device]) for device in devices]))
    EVENT_LAG.labels(CONSUMER).set(max(0.0, time.time() - from_us(max(said.values())).timestamp()))


async def _write_rejected(
    connection: Connection, topic: str, letters: Sequence[tuple[Record, RejectedMessage]]
) -> Tally:
    rows = [(topic, *_letter_row(record, letter)) for record, letter in letters]
    async with connection.cursor() as cursor:
        await cursor.executemany(_DEAD_LETTER, rows)
    whole = [letter for _, letter in letters if letter.scope is Scope.REPORT]
    refused = Counter(
        (
            _text(letter.device) or "",
            letter.received_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0),
        )
        for letter in whole
    )
    places = sorted(refused)
    nothing = [0] * len(places)
    names, hours = [device for device, _ in places], [hour for _, hour in places]
    await connection.execute(_COUNT, (names, hours, nothing, nothing, [refused[place] for place in places]))
    return Tally(rejected=len(whole))


def _letter_row(record: Record, letter: RejectedMessage) -> tuple[object, ...]:
    return (
        record.partition,
        record.offset,
        letter.payload,
        letter.origin,
        letter.received_at,
        letter.reason.value,
        _text(letter.detail),
        _text(letter.device),
        letter.scope.value,
        list(letter.factors),
        letter.source,
    )


def _text(said: str | None) -> str | None:
    """Text as PostgreSQL holds it: without NUL."""
    return said.replace("\x00", "\ufffd") if said else said


TOPICS: Final = (READINGS, REJECTED)
