"""A back-test of readings in TimescaleDB, beside a COPY of the same rows out of it and nothing else.

    python -m benchmarks backtest[:days[:devices[:runs]]]

Construction sites report four factors a minute, all of them limited, and all four limits are changed: every
window is judged twice. The rows lie as the writer leaves them, minute after minute. A reading takes 110 bytes
with its key; more than 10 GB of them are refused. The COPY sends a row a reading, as it would be read without
arrays (runtime/readings.py).
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from resource import RUSAGE_SELF, getrusage

import numpy as np
import numpy.typing as npt
from psycopg import sql

from app.backtest import Plan, days, portions, run_backtest, ways_up
from app.difference import difference
from benchmarks.figures import Stopwatch, Took, tell
from benchmarks.town import servers
from domain.episode import EpisodeRule
from ingest.copy_rows import READINGS as COLUMNS
from ingest.copy_rows import stream, to_us
from rules.backtest import concerned
from rules.change import changed_packs, parse_change
from rules.pack import standard_packs
from runtime.database import Pool, open_pool, transaction
from runtime.settings import Database

FIRST = date(2026, 10, 1)
LEVELS = {"noise": (62.0, 3.0), "noise_max": (64.0, 3.0), "pm10": (45.0, 15.0), "tsp": (300.0, 80.0)}
"""Factor → mean and spread: a few windows in a hundred exceed. In the order of the key."""
CHANGES = ("noise_day.limit=65", "noise_night_max.limit=68", "pm10.limit=70", "tsp.limit=400")
MINUTES = 10
"""In a batch of the writer."""
ROW_BYTES = 110
MOST_BYTES = 10 * 10**9

_COPY = (
    "COPY (SELECT point_id, at, value, flag FROM readings WHERE factor = {} AND at >= {} AND at < {})"
    " TO STDOUT (FORMAT BINARY)"
)


def row_type(factor: str) -> np.dtype[np.void]:
    """A row of COPY's binary format: its fields, each behind its length."""
    fields = [("point", ">i4"), ("factor", f"S{len(factor)}"), ("at", ">i8"), ("value", ">f8"), ("flag", "S1")]
    named = [pair for name, kind in [*fields, ("received", ">i8")] for pair in ((f"{name}_size", ">i4"), (name, kind))]
    return np.dtype([("count", ">i2"), *named])


BATCH = np.dtype([(factor, row_type(factor), (MINUTES,)) for factor in LEVELS])
"""One point in one batch, in the order of the key."""


def batch(points: npt.NDArray[np.int64], start: datetime, rng: np.random.Generator) -> bytes:
    """What all points report in the minutes from ``start`` on."""
    rows = np.zeros(len(points), BATCH)
    at = to_us(start) + np.arange(MINUTES) * 60_000_000
    for factor, (mean, spread) in LEVELS.items():
        mine = rows[factor]
        mine["count"] = 6
        values = {"point": points[:, None], "factor": factor.encode(), "at": at, "flag": b"N", "received": at + 2_000_000}
        values["value"] = rng.normal(mean, spread, (len(points), MINUTES)).clip(10).round(1)
        for name, value in values.items():
            mine[f"{name}_size"] = mine.dtype[name].itemsize
            mine[name] = value
    return rows.tobytes()


async def fill(pool: Pool, span: timedelta, start: datetime) -> None:
    """Make construction sites of all places, and let their devices have reported."""
    async with transaction(pool) as connection:
        await connection.execute("UPDATE sites SET kind = 'construction', sensitive = true")
        found = await connection.execute("SELECT point_id FROM devices ORDER BY point_id")
        points = np.array([row["point_id"] for row in await found.fetchall()])
    rng = np.random.default_rng(1)
    statement = sql.SQL(f"COPY readings ({COLUMNS}) FROM STDIN (FORMAT BINARY)")
    for minute in range(0, span // timedelta(minutes=1), MINUTES):
        rows = batch(points, start + timedelta(minutes=minute), rng)
        async with transaction(pool) as connection, connection.cursor() as cursor:
            async with cursor.copy(statement) as copy:
                await copy.write(stream([rows]))
    async with pool.connection() as connection:
        await connection.execute("VACUUM ANALYZE readings")
