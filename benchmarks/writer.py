"""Kafka's records → TimescaleDB, beside a raw sorted binary COPY of the same rows in like batches.

    python -m benchmarks writer[:devices[:minutes[:runs]]]

The writer also decodes, keeps the ledger and moves the offsets; the COPY gets its bytes ready made and
does nothing but store them, with the reports' own rows as the writer does or without them. Rates
are in distinct readings. A core is one of this process: the server works in its own.
"""

import asyncio
import gc
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
from psycopg import sql

from benchmarks.figures import Stopwatch, Took, tell
from benchmarks.town import servers
from domain.codec import encode
from domain.report import Report, Source
from domain.topics import READINGS
from ingest.arrival import arrivals
from ingest.copy_rows import BEGIN, END, pack
from ingest.copy_rows import READINGS as READING_COLUMNS
from ingest.copy_rows import REPORTS as REPORT_COLUMNS
from ingest.writer import run_writer
from runtime.database import Pool, open_pool, transaction
from runtime.kafka import Batch, Place, Record
from runtime.register import Register
from runtime.settings import Database, Kafka

_PARTITIONS = Kafka().partitions

AT = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=12)
BATCH = 20_000
TABLES = {"reports": REPORT_COLUMNS, "readings": READING_COLUMNS}
Work = Callable[[], Awaitable[None]]
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
        kinds = {
            "raw COPY of the readings alone": _raw(pool, register, sent, {"readings": READING_COLUMNS}),
            "raw COPY of the same rows": _raw(pool, register, sent, TABLES),
            "writer": _writer(pool, register, batches(sent)),
            "writer, every report twice in a row": _writer(pool, register, batches(twice_at_once)),
            "writer, everything again at the end": _writer(pool, register, batches([*sent, *sent])),
        }
        took: dict[str, list[Took]] = {name: [] for name in kinds}
        gc.collect()
        gc.freeze()  # the inputs are not what is measured
        for _ in range(runs):  # in turns, so that the machine's moods meet all alike
            for name, work in kinds.items():
                async with _empty(pool):
                    watch = Stopwatch(server=stack.database.pid)
                    await work()
                    took[name].append(watch.stop())
    rates = {name: tell(name, rows, "rows", found) for name, found in took.items()}
    for name, raw in list(rates.items())[:2]:
        shares = ", ".join(f"{other} {rate / raw:.2f}" for other, rate in list(rates.items())[2:])
        print(f"  of the {name}: {shares}")


def _raw(pool: Pool, register: Register, sent: list[Report], tables: Mapping[str, str]) -> Work:
    """A COPY of the same rows in batches of the same size, ready made in the order of the key."""
    packed = [_in_key_order(register, sent[begin : begin + BATCH]) for begin in range(0, len(sent), BATCH)]

    async def work() -> None:
        for data in packed:
            async with transaction(pool) as connection, connection.cursor() as cursor:
                for table, columns in tables.items():
                    statement = sql.SQL(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)")
                    async with cursor.copy(statement) as copy:
                        await copy.write(data[table])

    return work


def _in_key_order(register: Register, sent: list[Report]) -> dict[str, bytes]:
    """The rows of both tables, point by point and factor by factor."""
    devices: dict[str, list[Report]] = {}
    for report in sent:
        devices.setdefault(report.device, []).append(report)
    points = {name: register.devices[name].point_id for name in devices}
    nowhere = Record(0, 0, b"", 0)
    packed = [
        (pack(arrivals([nowhere] * len(found), found, points)), np.ones(len(found), bool))
        for _, found in sorted(devices.items(), key=lambda one: points[one[0]])
    ]
    return {
        "reports": b"".join([BEGIN, *(one for rows, every in packed for one in rows.of_reports(every)), END]),
        "readings": b"".join(
            [BEGIN, *(one for rows, every in packed for one in rows.of_readings(every)), END]
        ),
    }


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


def _writer(pool: Pool, register: Register, taken: list[Batch]) -> Work:
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
