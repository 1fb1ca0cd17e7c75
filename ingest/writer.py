"""The writer: Kafka → TimescaleDB, every reading once, every report accounted for.

One transaction holds a batch's readings, its report rows, the ledger and the offsets,
so the counts stay true whatever is killed.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from psycopg.errors import UniqueViolation

from domain.codec import decode_rejected
from domain.errors import Reason
from domain.report import RejectedMessage, Report
from domain.site import Device
from domain.topics import READINGS, REJECTED
from ingest.arrival import from_us
from ingest.dead_letters import Letter, store_letters
from ingest.marks import Marks
from ingest.prepared import Prepared, prepare
from ingest.store import store
from runtime.database import Pool, transaction
from runtime.kafka import Batch, Record, Stream, records_of
from runtime.metrics import EVENT_LAG, REPORTS_DUPLICATE, REPORTS_STORED
from runtime.offsets import claim, ends_of
from runtime.register import Register

log = structlog.get_logger()

CONSUMER: Final = "writer"
TOPICS: Final = (READINGS, REJECTED)
_TURN_S: Final = 0.0005
_MOST: Final = 20_000
"""Records of one batch: in a backlog, enough for a point's rows to lie together."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a batch did, in reports."""

    stored: int = 0
    duplicate: int = 0
    rejected: int = 0


async def run_writer(pool: Pool, stream: Stream, register: Register) -> None:
    """Write for ever; while the server stores a batch, the next one is decoded.

    Raises:
        Unavailable: Kafka or the database is away; what was not committed comes again.
    """
    ready: asyncio.Queue[tuple[str, Batch | Prepared]] = asyncio.Queue(maxsize=1)
    async with _short_turns(), asyncio.TaskGroup() as tasks:
        tasks.create_task(_take(stream, register, ready), name="take")
        tasks.create_task(_store(pool, stream, register, ready), name="store")


@asynccontextmanager
async def _short_turns() -> AsyncIterator[None]:
    """Let the thread that decodes give way sooner, so that the server does not wait for our next word."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


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
    if prepared.stray:
        await register.refresh()
        # Even if nothing changed just now: a batch prepared ahead may be older than the register.
        if any(report.device in register.devices for _, report in prepared.stray):
            prepared = prepare(prepared.batch, register.devices)
    try:
        return await _write_batch(pool, register.devices, prepared, marks)
    except UniqueViolation:
        if marks is None:
            raise
        log.warning("marks_were_wrong", partitions=sorted(prepared.batch))
        marks.forget(prepared.batch)
        return await _write_batch(pool, register.devices, prepared, None)


async def _write_letters(pool: Pool, batch: Batch) -> Tally:
    async with transaction(pool) as connection:
        claimed = await claim(connection, CONSUMER, REJECTED, batch)
        letters = [(record, decode_rejected(record.value)) for record in records_of(claimed.records)]
        return Tally(rejected=await store_letters(connection, REJECTED, letters))


async def _write_batch(
    pool: Pool, devices: Mapping[str, Device], prepared: Prepared, marks: Marks | None
) -> Tally:
    batch = prepared.batch
    async with transaction(pool) as connection:
        claimed = await claim(connection, CONSUMER, READINGS, batch)
        if marks is not None:
            marks.check(claimed.stood_at)
        if len(records_of(claimed.records)) < len(records_of(batch)):
            prepared = prepare(claimed.records, devices)
        stored = await store(connection, prepared, marks)
        rejected = await store_letters(connection, READINGS, [_letter(*stray) for stray in prepared.stray])
    arrivals = prepared.arrivals
    if marks is not None:
        marks.keep(batch, arrivals)
    if len(arrivals):
        newest = from_us(int(arrivals.at_us.max()))
        EVENT_LAG.labels(CONSUMER).set(max(0.0, time.time() - newest.timestamp()))
    return Tally(stored, len(arrivals) - stored, rejected)


def _letter(record: Record, report: Report) -> Letter:
    """Admitted once, and its device has left the register since."""
    return record, RejectedMessage(
        payload=record.value,
        origin=f"kafka:{READINGS}",
        received_at=report.received_at or report.instant,
        reason=Reason.UNKNOWN_DEVICE,
        detail=f"device {report.device!r} left the register after its report came in; add it, then replay",
        device=report.device,
        source=report.source,
    )
