"""Kafka's records → TimescaleDB, beside a raw sorted binary COPY of the same readings in like batches.

    python -m benchmarks writer[:devices[:minutes[:runs]]]

The writer also decodes, stores the reports' own rows, keeps the ledger and moves the offsets; the COPY gets
its bytes ready made and does nothing but store the readings. A core is one of this process: the
server works in its own.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
from psycopg import sql

from benchmarks.figures import Stopwatch, Took, tell
from benchmarks.town import servers
from domain.codec import encode
from domain.report import Report, Source
from domain.topics import READINGS
from ingest.copy_rows import READINGS as COLUMNS
from ingest.copy_rows import pack_readings, stream, to_us
from ingest.writer import run_writer
from runtime.database import Pool, open_pool, transaction
from runtime.kafka import Batch, Place, Record
from runtime.register import Register
from runtime.settings import Database, Kafka

_PARTITIONS = Kafka().partitions

AT = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=12)
BATCH = 20_000
VALUES = {"oil_fume": 0.82, "nmhc": 5.6, "fan_current": 3.1, "purifier_current": 2.2}


def reports(devices: int, minutes: int) -> list[Report]:
    """As they come: minute after minute, each of all devices."""
    return [
        Report(
            device=f"d{number:05}",
            at=AT + timedelta(minutes=minute),
            readings=VALUES,
            seq=minute,
            received_at=AT + timedelta(minutes=minute, seconds=2),
            source=Source.MQTT,
        )
        for minute in range(minutes)
        for number in range(devices)
    ]


def batches(sent: list[Report], size: int = BATCH) -> list[Batch]:
    """Batches of four partitions, as the writer takes them."""
    logs: Batch = {partition: [] for partition in range(_PARTITIONS)}
    for report in sent:
        partition = int(report.device[1:]) % _PARTITIONS
        logs[partition].append(Record(partition, len(logs[partition]), encode(report), 0))
    each = size // _PARTITIONS
    return [
        {partition: records[begin : begin + each] for partition, records in logs.items()}
        for begin in range(0, max(map(len, logs.values())), each)
    ]


async def main(devices: int = 1_000, minutes: int = 120, runs: int = 5) -> None:
    sent = reports(devices, minutes)
    rows = len(sent) * len(VALUES)
    twice_at_once = [again for report in sent for again in (report, report)]
    async with (
        servers(devices) as (stack, _env),
        open_pool(Database(url=stack.endpoints.database_url)) as pool,
    ):
        register = Register(pool)
        await register.refresh()
        kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "raw binary COPY, sorted, packed before": _raw(pool, register, sent),
            "writer": _writer(pool, register, batches(sent)),
            "writer, every report twice in a row": _writer(pool, register, batches(twice_at_once)),
            "writer, everything again at the end": _writer(pool, register, batches([*sent, *sent])),
        }
        took: dict[str, list[Took]] = {name: [] for name in kinds}
        for _ in range(runs):  # in turns, so that the machine's moods meet all alike
            for name, work in kinds.items():
                async with _empty(pool):
                    watch = Stopwatch(server=stack.database.pid)
                    await work()
                    took[name].append(watch.stop())
    rates = {name: tell(name, rows, "rows", found) for name, found in took.items()}
    raw, *others = rates.values()
    print(
        "  of the COPY: "
        + ", ".join(f"{name} {rate / raw:.2f}" for name, rate in zip(kinds, [raw, *others], strict=True))
    )


def _one_by_one(point: int, report: Report) -> Iterator[tuple[str, bytes]]:
    """Factor → its row."""
    for factor, value in report.readings.items():
        alone = msgspec.structs.replace(report, readings={factor: value})
        yield factor, pack_readings(point, to_us(report.instant), alone)


def _raw(pool: Pool, register: Register, sent: list[Report]) -> Callable[[], Awaitable[None]]:
    packed = []
    for begin in range(0, len(sent), BATCH):
        rows = sorted(
            (name, factor, report.instant, one)
            for report in sent[begin : begin + BATCH]
            for name in (register.devices[report.device].point_id,)
            for factor, one in _one_by_one(name, report)
        )
        packed.append(stream(row for *_, row in rows))
    statement = sql.SQL(f"COPY readings ({COLUMNS}) FROM STDIN (FORMAT BINARY)")

    async def work() -> None:
        for data in packed:
            async with (
                transaction(pool) as connection,
                connection.cursor() as cursor,
                cursor.copy(statement) as copy,
            ):
                await copy.write(data)

    return work


class Log:
    """What Kafka's stream would be, from memory; cancels who asks for more than there is."""

    def __init__(self, batches: list[Batch]) -> None:
        self._left = deque(batches)
        self._ends = [max(records[-1].offset for records in batch.values()) for batch in batches]
        self.done = asyncio.Event()

    async def take(self, *, most: int) -> dict[str, Batch]:
        """The next batch."""
        del most
        if not self._left:
            await asyncio.Event().wait()
        return {READINGS: self._left.popleft()}

    async def commit(self, offsets: Mapping[Place, int]) -> None:
        """Count the batch as done."""
        del offsets
        self._ends.pop()
        if not self._ends:
            self.done.set()


def _writer(pool: Pool, register: Register, taken: list[Batch]) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        log = Log(taken)
        writing = asyncio.create_task(run_writer(pool, log, register))
        await log.done.wait()
        writing.cancel()
        await asyncio.wait([writing])

    return work


@asynccontextmanager
async def _empty(pool: Pool) -> AsyncIterator[None]:
    """Empty tables, written back to disk, so that no run pays for the one before it."""
    async with transaction(pool) as connection:
        await connection.execute("TRUNCATE readings, reports, ledger, stream_offsets")
    async with pool.connection() as connection:
        await connection.execute("CHECKPOINT")
    yield
