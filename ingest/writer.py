"""The writer: Kafka → TimescaleDB, every reading once, every report accounted for.

One transaction holds a batch's readings, its report rows, the ledger and the offsets,
so the counts stay true whatever is killed. Rows go into the table in the key's order:
that doubles the rate of the conflict path (design §7).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
import structlog

from domain.codec import decode_rejected, decode_report
from domain.errors import Reason
from domain.report import RejectedMessage, Report, Scope
from domain.site import Device
from domain.topics import READINGS, REJECTED
from runtime.database import Connection, Pool, transaction
from runtime.kafka import Batch, Record, Stream
from runtime.metrics import EVENT_LAG, REPORTS_DUPLICATE, REPORTS_STORED
from runtime.offsets import claim, ends_of
from runtime.register import Register

log = structlog.get_logger()

CONSUMER: Final = "writer"

_STAGE_REPORTS: Final = """
    CREATE TEMP TABLE IF NOT EXISTS staged_reports (
        point_id integer, at timestamptz, seq bigint, received_at timestamptz, source text, raw text
    ) ON COMMIT DELETE ROWS
"""
_STAGE_READINGS: Final = """
    CREATE TEMP TABLE IF NOT EXISTS staged_readings (
        point_id integer, factor text, at timestamptz, value double precision, flag text,
        received_at timestamptz
    ) ON COMMIT DELETE ROWS
"""
# DISTINCT ON in the order of arrival keeps the first of a batch: the first stored wins (design §5).
_KEEP_REPORTS: Final = """
    INSERT INTO reports (point_id, at, seq, received_at, source, raw)
    SELECT DISTINCT ON (point_id, at) point_id, at, seq, received_at, source, raw::jsonb
    FROM staged_reports ORDER BY point_id, at, ctid
    ON CONFLICT DO NOTHING RETURNING point_id, at
"""
_KEEP_READINGS: Final = """
    INSERT INTO readings (point_id, factor, at, value, flag, received_at)
    SELECT DISTINCT ON (point_id, factor COLLATE "C", at)
           point_id, factor, at, value, flag::"char", received_at
    FROM staged_readings ORDER BY point_id, factor COLLATE "C", at, ctid
    ON CONFLICT DO NOTHING
"""
_COUNT: Final = """
    INSERT INTO ledger AS kept (device, hour, stored, duplicate, rejected)
    VALUES (%s, date_trunc('hour', %s::timestamptz), %s, %s, %s)
    ON CONFLICT (device, hour) DO UPDATE
    SET stored = kept.stored + excluded.stored, duplicate = kept.duplicate + excluded.duplicate,
        rejected = kept.rejected + excluded.rejected
"""
_NEWEST: Final = """
    UPDATE devices SET last_report_at = greatest(coalesce(last_report_at, '-infinity'), %s)
    WHERE device = %s
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
    """Write for ever.

    Raises:
        Unavailable: Kafka or the database is away; what was not committed comes again.
    """
    while True:
        taken = await stream.take()
        for topic, batch in taken.items():
            tally = await write(pool, register, topic, batch)
            await stream.commit(ends_of(topic, batch))
            REPORTS_STORED.inc(tally.stored)
            REPORTS_DUPLICATE.inc(tally.duplicate)


async def write(pool: Pool, register: Register, topic: str, batch: Batch) -> Tally:
    """Store one batch of one topic in one transaction."""
    async with transaction(pool) as connection:
        records = await claim(connection, CONSUMER, topic, batch)
        if topic == REJECTED:
            letters = [(record, decode_rejected(record.value)) for record in records]
            return await _write_rejected(connection, topic, letters)
        reports = [(record, decode_report(record.value)) for record in records]
        if any(report.device not in register.devices for _, report in reports):
            await register.refresh()
        known = [report for _, report in reports if report.device in register.devices]
        stray = [
            (record, _stray(record, report))
            for record, report in reports
            if report.device not in register.devices
        ]
        return await _write_reports(connection, known, register.devices) + await _write_rejected(
            connection, topic, stray
        )


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


async def _write_reports(
    connection: Connection, reports: Sequence[Report], devices: Mapping[str, Device]
) -> Tally:
    if not reports:
        return Tally()
    await _stage(connection, reports, devices)
    cursor = await connection.execute(_KEEP_REPORTS)
    stored = {(row["point_id"], row["at"]) for row in await cursor.fetchall()}
    await connection.execute(_KEEP_READINGS)
    await _account(connection, reports, devices, stored)
    newest = max(report.instant for report in reports)
    EVENT_LAG.labels(CONSUMER).set(max(0.0, datetime.now(newest.tzinfo).timestamp() - newest.timestamp()))
    return Tally(len(stored), len(reports) - len(stored))


async def _stage(connection: Connection, reports: Sequence[Report], devices: Mapping[str, Device]) -> None:
    await connection.execute(_STAGE_READINGS)
    await connection.execute(_STAGE_REPORTS)
    async with connection.cursor() as cursor:
        async with cursor.copy(
            "COPY staged_reports (point_id, at, seq, received_at, source, raw) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.set_types(["int4", "timestamptz", "int8", "timestamptz", "text", "text"])
            for report in reports:
                await copy.write_row(_report_row(report, devices))
        async with cursor.copy(
            "COPY staged_readings (point_id, factor, at, value, flag, received_at) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.set_types(["int4", "text", "timestamptz", "float8", "text", "timestamptz"])
            for row in _reading_rows(reports, devices):
                await copy.write_row(row)


def _report_row(report: Report, devices: Mapping[str, Device]) -> tuple[object, ...]:
    raw = msgspec.json.encode(report.raw).decode() if report.raw else None
    return (
        devices[report.device].point_id,
        report.instant,
        report.seq,
        report.received_at or report.instant,
        report.source,
        raw,
    )


def _reading_rows(reports: Iterable[Report], devices: Mapping[str, Device]) -> list[tuple[object, ...]]:
    return [
        (
            devices[report.device].point_id,
            factor,
            report.instant,
            value,
            report.flags.get(factor, "N"),
            report.received_at or report.instant,
        )
        for report in reports
        for factor, value in report.readings.items()
    ]


async def _account(
    connection: Connection,
    reports: Sequence[Report],
    devices: Mapping[str, Device],
    stored: set[tuple[int, datetime]],
) -> None:
    """Count each report once as stored, and its repeats as duplicates."""
    left = set(stored)
    counts: Counter[tuple[str, datetime, bool]] = Counter()
    newest: dict[str, datetime] = {}
    for report in reports:
        key = (devices[report.device].point_id, report.instant)
        first = key in left
        left.discard(key)
        hour = report.instant.replace(minute=0, second=0, microsecond=0)
        counts[report.device, hour, first] += 1
        newest[report.device] = max(newest.get(report.device, report.instant), report.instant)
    async with connection.cursor() as cursor:
        await cursor.executemany(
            _COUNT,
            [
                (device, hour, count if first else 0, 0 if first else count, 0)
                for (device, hour, first), count in sorted(counts.items())
            ],
        )
        await cursor.executemany(_NEWEST, [(at, device) for device, at in sorted(newest.items())])


async def _write_rejected(
    connection: Connection, topic: str, letters: Sequence[tuple[Record, RejectedMessage]]
) -> Tally:
    rows = [(topic, *_letter_row(record, letter)) for record, letter in letters]
    async with connection.cursor() as cursor:
        await cursor.executemany(_DEAD_LETTER, rows)
        whole = [letter for _, letter in letters if letter.scope is Scope.REPORT]
        await cursor.executemany(
            _COUNT, [(letter.device or "", letter.received_at, 0, 0, 1) for letter in whole]
        )
    return Tally(rejected=len(whole))


def _letter_row(record: Record, letter: RejectedMessage) -> tuple[object, ...]:
    return (
        record.partition,
        record.offset,
        letter.payload,
        letter.origin,
        letter.received_at,
        letter.reason.value,
        letter.detail.replace("\x00", "\ufffd"),  # PostgreSQL's text holds no NUL
        letter.device.replace("\x00", "\ufffd") if letter.device else None,
        letter.scope.value,
        list(letter.factors),
        letter.source,
    )


TOPICS: Final = (READINGS, REJECTED)
