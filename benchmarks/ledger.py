"""The loss ledger on a day of a city: finding gaps, and reading the account of 1 and of 30 days.

    python -m benchmarks ledger [devices] [days]

Reports come once a minute, 1 in 100 is lost, and rows lie in order of arrival, as the writer
leaves them. The baseline is what a plain view would do each time: one window over all reports.
Wall time, medians; the database is the embedded one.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.embedded.stack import Stack
from runtime.clocks import read_clocks
from runtime.database import Pool, open_pool, transaction
from runtime.ledger import By, bring_up_to_date, ledger_totals, read_ledger
from runtime.migrations import migrate
from runtime.settings import Database

_FILL = """
INSERT INTO reports (point_id, at, seq, received_at)
SELECT point_id, at, extract(epoch FROM at - %(start)s)::bigint / 60, at + interval '2 seconds'
FROM generate_series(%(start)s::timestamptz, %(end)s::timestamptz - interval '1 s', '1 minute') AS at,
     devices
WHERE (hashint8(point_id * 100000::bigint + extract(epoch FROM at)::bigint / 60) & 1023) >= 10
"""
_COUNT = """
INSERT INTO ledger (device, hour, stored)
SELECT device, date_trunc('hour', at), count(*) FROM reports JOIN devices USING (point_id) GROUP BY 1, 2
"""
_PLAIN = """
SELECT sum(step - 1) FROM (
    SELECT seq - lag(seq) OVER (PARTITION BY point_id ORDER BY at) AS step FROM reports WHERE at >= %s
) AS s WHERE step > 1
"""


async def timed(name: str, work: Callable[[], Awaitable[object]], times: int = 3) -> None:
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        result = await work()
        took.append(time.perf_counter() - begin)
    told = len(result) if isinstance(result, list) else result
    print(f"{name:58} {statistics.median(took):8.2f} s   {str(told)[:90]}", flush=True)


async def fill(pool: Pool, devices: int, start: datetime, end: datetime) -> None:
    async with transaction(pool) as connection:
        await connection.execute("INSERT INTO grid_cells VALUES ('1', 'city', 'city', NULL)")
        await connection.execute(
            "INSERT INTO sites (site, name, kind, area, grid_code, lon, lat)"
            " VALUES ('s', 's', 'restaurant', '320602', '1', 0, 0)"
        )
        await connection.execute(
            "INSERT INTO devices (device, site, protocol) SELECT 'd' || n, 's', 'mqtt'"
            " FROM generate_series(1, %s) AS n",
            (devices,),
        )
    day = start
    while day < end:
        async with transaction(pool) as connection:
            await connection.execute(_FILL, {"start": day, "end": day + timedelta(days=1)})
        day += timedelta(days=1)
    async with transaction(pool) as connection:
        await connection.execute(_COUNT)
    async with pool.connection() as connection:
        await connection.execute("VACUUM ANALYZE")


async def measure(pool: Pool, start: datetime, end: datetime) -> None:
    async def plain() -> object:
        async with transaction(pool) as connection:
            row = await (await connection.execute(_PLAIN, (end - timedelta(days=1),))).fetchone()
            return row["sum"] if row else None

    async def one_minute() -> object:
        async with transaction(pool) as connection:
            await connection.execute(
                "INSERT INTO reports (point_id, at, seq, received_at)"
                " SELECT point_id, max(at) + interval '1 minute', max(seq) + 1, max(at) + interval '1 minute'"
                " FROM reports WHERE at >= %s GROUP BY 1",
                (end - timedelta(hours=1),),
            )
            await connection.execute(
                "UPDATE ledger SET stored = stored + 1 WHERE hour = (SELECT max(hour) FROM ledger)"
            )
        return await bring_up_to_date(pool)

    day = end - timedelta(days=1)
    await timed("baseline: one window over the last day", plain)
    await timed("every hour for the first time (once in a life)", lambda: bring_up_to_date(pool), 1)
    await timed("again, nothing changed", lambda: bring_up_to_date(pool))
    await timed("again, every device has reported (with the insert)", one_minute)
    await timed("read: last day by device", lambda: read_ledger(pool, day, end, by=By.DEVICE))
    await timed("read: last day by hour", lambda: read_ledger(pool, day, end, by=By.HOUR))
    await timed("read: one device, all days", lambda: read_ledger(pool, start, end, device="d7"))
    await timed("read: all days, one sum", lambda: read_ledger(pool, start, end, by=By.ALL))
    await timed("clocks of the last 6 h", lambda: read_clocks(pool, end - timedelta(hours=6)))
    await timed("totals, as the gauges ask each minute", lambda: ledger_totals(pool))


async def main(devices: int = 2_000, days: int = 1) -> None:
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = end - timedelta(days=days)
    with tempfile.TemporaryDirectory(prefix="yanchen-bench-") as folder:
        async with Stack(Path(folder), durable=False) as stack:
            url = await stack.database.create_database("bench_ledger")
            migrate(url)
            async with open_pool(Database(url=url)) as pool:
                begin = time.perf_counter()
                await fill(pool, devices, start, end)
                print(
                    f"{devices} devices, {days} d; filled in {time.perf_counter() - begin:.0f} s", flush=True
                )
                await measure(pool, start, end)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
