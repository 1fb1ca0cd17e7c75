"""Under load on both doors, with plugs pulled: at the end nothing is missing and nothing is there twice.

A clean city publishes some 500 reports a second over MQTT and HJ 212 at once, a minute of its time in a
second of ours, and keeps what is not confirmed, as devices do. Two ingest processes share the MQTT broker.
Everything that a door confirmed must be stored.
``YANCHEN_TEST_DATABASE_AWAY_S=120`` keeps the database away for longer than a run of the tests has time for.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.embedded.ports import free_port
from app.embedded.process import wait_until
from app.embedded.stack import Stack
from app.fleet import Fleet, environment
from domain.instant import from_ms
from domain.topics import READINGS
from runtime.database import Pool, open_pool, transaction
from runtime.kafka import log_end
from runtime.migrations import migrate
from runtime.offsets import done_offsets
from runtime.register import import_city
from runtime.settings import Database, Kafka
from simulators.city import build_city
from simulators.plan import Scenario
from simulators.publish_hj212 import Hj212Target
from simulators.publish_mqtt import MqttTarget
from simulators.run import Control, Plan, Targets, run
from simulators.tally import Tally

DATABASE_AWAY_S = float(os.environ.get("YANCHEN_TEST_DATABASE_AWAY_S", "10"))
pytestmark = [pytest.mark.timeout(240 + 3 * DATABASE_AWAY_S), pytest.mark.slow]

LOAD = Scenario(name="load", restaurants=400, sites=100)
CITY = build_city(7, restaurants=LOAD.restaurants, sites=LOAD.sites)
SPEED = 60.0
MINUTES = 12
NEWEST = (datetime.now(UTC) - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Town:
    """The running system: two ingest processes, the first of which has the HJ 212 door, and the writer."""

    stack: Stack
    fleet: Fleet
    second: Fleet
    pool: Pool

    @property
    def kafka(self) -> Kafka:
        return Kafka(bootstrap=self.stack.endpoints.kafka_bootstrap)

    async def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        async with transaction(self.pool) as connection:
            return await (await connection.execute(query, values)).fetchall()  # type: ignore[arg-type]

    async def at_rest(self) -> bool:
        """The writer has read its log to the end."""
        return await done_offsets(self.pool, "writer", READINGS) >= await log_end(self.kafka, READINGS)

    def targets(self) -> Targets:
        ends = self.stack.endpoints
        return Targets(
            mqtt=MqttTarget(
                host=ends.mqtt_host,
                port=ends.mqtt_port,
                username=ends.mqtt_user,
                password=ends.mqtt_password,
            ),
            hj212=Hj212Target(
                host="127.0.0.1", port=int(self.fleet.env["YANCHEN_INGEST__HJ212_PORT"]), resends=50
            ),
        )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town() -> AsyncIterator[Town]:
    folder = Path(tempfile.mkdtemp(prefix="yanchen-load-"))
    async with Stack(folder, durable=False) as stack:
        migrate(stack.endpoints.database_url)
        env = environment(
            stack.endpoints,
            hj212_port=free_port(),
            web_port=free_port(),
            more={"YANCHEN_INGEST__MEMBERS": "2"},
        )
        other = {**env, "YANCHEN_INGEST__MEMBER": "1", "YANCHEN_INGEST__HJ212_PORT": str(free_port())}
        (stack.endpoints.logs / "second").mkdir()
        async with open_pool(Database(url=stack.endpoints.database_url)) as pool:
            await import_city(pool, CITY)
            async with (
                Fleet(env, stack.endpoints.logs, ["ingest", "writer"]) as fleet,
                Fleet(other, stack.endpoints.logs / "second", ["ingest"]) as second,
            ):
                yield Town(stack, fleet, second, pool)
    shutil.rmtree(folder)


async def kill_ingest(town: Town) -> None:
    await town.fleet.kill("ingest")


async def kill_second_ingest(town: Town) -> None:
    await town.second.kill("ingest")


async def kill_writer(town: Town) -> None:
    await town.fleet.kill("writer")


async def restart_kafka(town: Town) -> None:
    await town.stack.kafka.restart()


async def stop_database(town: Town) -> None:
    await town.stack.database.stop()
    await asyncio.sleep(DATABASE_AWAY_S)  # so long it is away, whatever happens meanwhile
    await town.stack.database.start()


async def restart_mosquitto(town: Town) -> None:
    await town.stack.mqtt.restart()


PLUGS: list[tuple[Callable[[Town], Awaitable[None]], tuple[float, ...]]] = [
    (kill_ingest, (0.2, 0.4, 0.6)),
    (kill_second_ingest, (0.3, 0.6)),
    (kill_writer, (0.2, 0.4, 0.6)),
    (restart_kafka, (0.3,)),
    (stop_database, (0.3,)),
    (restart_mosquitto, (0.2, 0.5)),
]
"""What is pulled, and at which shares of the load."""


@pytest.mark.parametrize(
    ("number", "pull", "shares"),
    [pytest.param(number, *plug, id=plug[0].__name__) for number, plug in enumerate(PLUGS)],
)
async def test_nothing_is_missing_and_nothing_is_twice(
    town: Town, number: int, pull: Callable[[Town], Awaitable[None]], shares: tuple[float, ...]
) -> None:
    begin = NEWEST - timedelta(hours=number + 1)
    tally = await publish(town, begin, pull, shares)
    assert tally.reports > 0.9 * MINUTES * len(CITY.monitors)
    assert {door: count > 0 for door, count in tally.doors.items()} == {"mqtt": True, "hj212": True}
    assert not tally.unconfirmed
    assert await wait_until(town.at_rest, 120), "the writer did not come to the end of its log"
    await check(town, begin, tally)


async def publish(
    town: Town, begin: datetime, pull: Callable[[Town], Awaitable[None]], shares: tuple[float, ...]
) -> Tally:
    """Run the load, and pull the plug when so much of its time has passed."""
    reached = asyncio.Condition()
    last = 0

    async def awake() -> None:
        async with reached:
            reached.notify_all()

    def progress(_reports: int, at_ms: int, _live: bool) -> None:
        nonlocal last
        last = at_ms
        notes.append(asyncio.ensure_future(awake()))

    notes: list[asyncio.Future[None]] = []
    plan = Plan(start=begin, duration=timedelta(minutes=MINUTES), speed=SPEED)
    load = asyncio.create_task(
        run(CITY, LOAD, seed=7, plan=plan, targets=town.targets(), control=Control(progress=progress))
    )
    for share in shares:
        due = begin + share * timedelta(minutes=MINUTES)

        async with reached:
            await reached.wait_for(lambda due=due: from_ms(last) >= due)
        await pull(town)
    return await load


async def check(town: Town, begin: datetime, tally: Tally) -> None:
    """Published = stored, by device and minute; readings hang on stored reports; the ledger says the same."""
    end = begin + timedelta(hours=1)
    span = "at >= %s AND at < %s"
    kept = {
        (row["device"], row["at"])
        for row in await town.rows(
            f"SELECT device, at FROM reports JOIN devices USING (point_id) WHERE {span}", begin, end
        )
    }
    good = {(device, from_ms(at)) for device, times in tally.good.items() for at in times}
    assert len(good - kept) == 0, "missing"
    assert len(kept - good) == 0, "stored and never published"
    (lonely,) = await town.rows(
        f"SELECT count(*) AS n FROM reports AS r WHERE {span} AND NOT EXISTS"
        " (SELECT FROM readings WHERE point_id = r.point_id AND at = r.at)",
        begin,
        end,
    )
    (twice,) = await town.rows(
        f"SELECT count(*) - count(DISTINCT (point_id, factor, at)) AS n FROM readings WHERE {span}",
        begin,
        end,
    )
    assert (lonely["n"], twice["n"]) == (0, 0)
    (ledger,) = await town.rows(
        "SELECT sum(stored) AS stored, sum(rejected) AS rejected FROM ledger WHERE hour = %s", begin
    )
    assert (ledger["stored"], ledger["rejected"]) == (len(good), 0)
