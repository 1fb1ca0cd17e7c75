"""A back-test of readings in TimescaleDB, beside a COPY of the same rows out of it and nothing else.

    python -m benchmarks backtest[:days[:devices[:runs]]]

Construction sites report four factors a minute, all of them limited, and all four limits are changed: every
window is judged twice. The rows lie as the writer leaves them, minute after minute. A reading takes 110 bytes
with its key; more than 10 GB of them are refused. The COPY sends a row a reading, as it would be read without
arrays (runtime/readings.py).
"""

import time
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from functools import partial

import numpy as np
import numpy.typing as npt
from psycopg import sql

from app.backtest import run_backtest, ways_up
from app.backtest_plan import Plan, days, portions
from app.difference import difference
from benchmarks.figures import Stopwatch, Took, tell
from benchmarks.memory import watched
from benchmarks.town import servers
from domain.episode import EpisodeRule
from ingest.copy_rows import READINGS as COLUMNS
from ingest.copy_rows import stream, to_us
from rules.backtest import concerned
from rules.change import changed_packs, parse_change
from rules.pack import standard_packs
from runtime.database import Pool, open_pool, transaction
from runtime.readings import stored_readings
from runtime.register import load_devices
from runtime.settings import Database

FIRST = date(2026, 10, 1)
LEVELS = {"noise": (53.5, 3.0), "noise_max": (60.0, 3.2), "pm10": (65.0, 30.0), "tsp": (370.0, 80.0)}
"""Factor → mean and spread: a few windows in a hundred exceed. In the order of the key."""
CHANGES = ("noise_night.limit=54", "noise_night_max.limit=68", "pm10.limit=70", "tsp.limit=400")
MINUTES = 10
"""In a batch of the writer."""
Work = Callable[[], Awaitable[int]]

ROW_BYTES = 110
MOST_BYTES = 10 * 10**9

_COPY = (
    "COPY (SELECT point_id, at, value, flag FROM readings WHERE factor = {} AND at >= {} AND at < {})"
    " TO STDOUT (FORMAT BINARY)"
)


def row_type(factor: str) -> np.dtype[np.void]:
    """A row of COPY's binary format: its fields, each behind its length."""
    fields = [
        ("point", ">i4"),
        ("factor", f"S{len(factor)}"),
        ("at", ">i8"),
        ("value", ">f8"),
        ("flag", "S1"),
    ]
    named = [
        pair
        for name, kind in [*fields, ("received", ">i8")]
        for pair in ((f"{name}_size", ">i4"), (name, kind))
    ]
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
        values = {
            "point": points[:, None],
            "factor": factor.encode(),
            "at": at,
            "flag": b"N",
            "received": at + 2_000_000,
        }
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
        async with (
            transaction(pool) as connection,
            connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            await copy.write(stream([rows]))
    async with pool.connection() as connection:
        await connection.execute("VACUUM ANALYZE readings")


async def rows_copied(pool: Pool, start: datetime, end: datetime) -> int:
    """A row a reading, thrown away."""
    size = 0
    for factor in LEVELS:
        async with transaction(pool) as connection, connection.cursor() as cursor:
            await cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            async with cursor.copy(sql.SQL(_COPY).format(factor, start, end)) as copy:
                async for data in copy:
                    size += len(data)
    return size


async def arrays_fetched(pool: Pool, plan: Plan) -> int:
    """As the back-test fetches, thrown away."""
    count = 0
    for group in portions(list((await load_devices(pool)).values()), len(plan.factors)):
        for span in days(plan.first, plan.last):
            async for series in stored_readings(
                pool, [device.point_id for device in group], plan.factors, *span
            ):
                count += len(series.at_us)
    return count


async def whole(pool: Pool, plan: Plan) -> int:
    """From the store to the last line."""
    result = await run_backtest(pool, plan)
    sites = frozenset(device.site.site for device in result.devices.values())
    lines = list(difference(plan, result, await ways_up(pool, sites), timedelta(hours=12)))
    print(f"  {lines[-1]}")
    return len(lines)


async def main(span_days: int = 3, devices: int = 2_000, runs: int = 1) -> None:
    readings = span_days * devices * 1_440 * len(LEVELS)
    if readings * ROW_BYTES > MOST_BYTES:
        raise SystemExit(f"{readings} readings take {readings * ROW_BYTES / 1e9:.0f} GB; ask for fewer")
    packs = standard_packs()
    sets = packs, changed_packs(packs, [parse_change(text) for text in CHANGES])
    last = FIRST + timedelta(days=span_days - 1)
    plan = Plan(first=FIRST, last=last, sets=sets, factors=concerned(*sets), rule=EpisodeRule())
    (start, _), *_, (_, end) = days(FIRST, last)
    async with (
        servers(devices) as (stack, _env),
        open_pool(Database(url=stack.endpoints.database_url)) as pool,
    ):
        began = time.perf_counter()
        await fill(pool, timedelta(days=span_days), start)
        print(f"  {readings} readings, filled in {time.perf_counter() - began:.0f} s", flush=True)
        kinds: dict[str, Work] = {
            "COPY, a row a reading, thrown away": partial(rows_copied, pool, start, end),
            "fetched as arrays, thrown away": partial(arrays_fetched, pool, plan),
            "back-test, two sets of packs": partial(whole, pool, plan),
        }
        took: dict[str, list[Took]] = {name: [] for name in kinds}
        for _ in range(runs):
            for name, work in kinds.items():
                async with watched(stack.database.pid):
                    watch = Stopwatch(server=stack.database.pid)
                    await work()
                    took[name].append(watch.stop())
    for name, found in took.items():
        tell(name, readings, "readings", found)
