"""Ten thousand devices, a connection and a report a minute each: what ingest and writer need, and the loss.

    python -m benchmarks devices[:minutes[:devices]]

The devices live in two publisher processes. At the end every report must be in the database once.
"""

import asyncio
import json
from asyncio.subprocess import Process

import msgspec

from app.embedded.process import wait_until
from app.fleet import Fleet
from benchmarks.door import begin, start
from benchmarks.figures import Stopwatch, memory_mb
from benchmarks.publisher import Job
from benchmarks.town import servers
from runtime.database import Pool, open_pool, transaction
from runtime.settings import Database

PUBLISHERS = 2
SERVICES = ("ingest", "writer")


async def main(minutes: int = 10, devices: int = 10_000) -> None:
    async with (
        servers(devices) as (stack, env),
        Fleet(env, stack.endpoints.logs, SERVICES) as fleet,
        open_pool(Database(url=stack.endpoints.database_url)) as pool,
    ):
        broker = stack.endpoints
        each = devices // PUBLISHERS
        work = Job(
            host=broker.mqtt_host,
            port=broker.mqtt_port,
            username=broker.mqtt_user,
            password=broker.mqtt_password,
            first=0,
            devices=each,
            reports=minutes,
            interval_s=60,
        )
        publishers = [
            await start(msgspec.structs.replace(work, first=number * each)) for number in range(PUBLISHERS)
        ]
        print(f"  {each * PUBLISHERS} devices connected, mosquitto: {memory_mb(stack.mqtt.pid or 0):.0f} MB")
        pids = {name: fleet.pid(name) for name in SERVICES} | {"mosquitto": stack.mqtt.pid or 0}
        watches = {name: Stopwatch(pid) for name, pid in pids.items()}
        largest = dict.fromkeys(pids, 0.0)
        watching = asyncio.create_task(_watch_memory(pids, largest))
        for publisher in publishers:
            await begin(publisher)
        said = [json.loads(await _last_word(publisher)) for publisher in publishers]
        confirmed = sum(word["confirmed"] for word in said)
        await wait_until(lambda: _stored(pool, confirmed), 60)
        watching.cancel()
        for name, watch in watches.items():
            took = watch.stop()
            print(
                f"  {name:10} {100 * took.cpu / took.wall:5.1f} % of a core, at most {largest[name]:.0f} MB"
            )
        print(f"  slowest acknowledgement: {max(word['slowest_s'] for word in said)} s")
        await _account(pool, confirmed, fleet.restarts)


async def _watch_memory(pids: dict[str, int], largest: dict[str, float]) -> None:
    while True:
        for name, pid in pids.items():
            largest[name] = max(largest[name], memory_mb(pid))
        await asyncio.sleep(1)


async def _last_word(publisher: Process) -> bytes:
    assert publisher.stdout is not None, "asked for"
    return await publisher.stdout.readline()


async def _count(pool: Pool, query: str) -> int:
    async with transaction(pool) as connection:
        row = await (await connection.execute(query)).fetchone()  # type: ignore[arg-type]
    return int(row["n"]) if row else 0


async def _stored(pool: Pool, expected: int) -> bool:
    return await _count(pool, "SELECT count(*) AS n FROM reports") >= expected


async def _account(pool: Pool, confirmed: int, restarts: int) -> None:
    stored = await _count(pool, "SELECT count(*) AS n FROM reports")
    repeated = await _count(pool, "SELECT coalesce(sum(duplicate), 0) AS n FROM ledger")
    print(
        f"  {confirmed} reports confirmed, {stored} stored, {confirmed - stored} missing,"
        f" {repeated} repeated, {restarts} restarts"
    )
    if stored != confirmed:
        raise SystemExit("reports are missing")
