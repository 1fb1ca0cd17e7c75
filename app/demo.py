"""The demo: an invented district on real servers, from nothing to a live wall in a minute."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from app.broker_keeper import accounts_kept
from app.embedded.ports import free_port
from app.embedded.process import Process, wait_until
from app.embedded.stack import Stack
from app.fleet import Fleet, doors, environment, yanchen
from app.summary import Summary, accounted, summarize, waiting_notices
from domain.errors import Unavailable
from domain.register import Account
from domain.topics import EVALUATIONS, READINGS
from runtime.context import store_context
from runtime.database import Pool, open_pool
from runtime.kafka import log_end
from runtime.migrations import migrate
from runtime.offsets import done_offsets
from runtime.register import import_city
from runtime.settings import Database, Kafka, Rules
from simulators.background import context_series
from simulators.city import build_city
from simulators.outline import outlines
from simulators.plan import scenario_named

SCENARIO: Final = "demo"
SEED: Final = 1
_DRAIN_S: Final = 90.0
_START_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo.

    Attributes:
        wall_url: the wall, opened without a login by its token.
        squad_url: the squads' page.
        doors: where servers and devices' doors are, as ``app.fleet.doors`` tells it.
        accounts: who may log in, with passwords.
        warnings: part → what stands in for it.
        data: folder of data and logs.
        fleet: our services.
        simulator: the process that plays the devices.
        pool: the database.
        tally: file in which the simulator accounts for what it published.
    """

    wall_url: str
    squad_url: str
    doors: tuple[str, ...]
    accounts: tuple[Account, ...]
    warnings: dict[str, str]
    data: Path
    fleet: Fleet
    simulator: Process
    pool: Pool
    tally: Path

    async def finish(self, started: float) -> Summary:
        """Stop the devices, let the pipeline run empty, and read the account.

        Raises:
            Unavailable: the pipeline did not run empty in time; the summary would be of the middle.
        """
        await self.simulator.stop(within=30)
        tally = msgspec.json.decode(self.tally.read_bytes())
        published: int = tally["reports"]
        good = [(device, ms) for device, times in tally["good"].items() for ms in times]

        async def all_accounted() -> bool:
            return await accounted(self.pool) >= published

        # What never comes is missing, and the summary says so.
        await wait_until(all_accounted, _DRAIN_S)
        if not await wait_until(self._at_rest, _DRAIN_S):
            raise Unavailable(
                f"rules and alerts did not come to rest within {_DRAIN_S:.0f} s; see {self.data}/logs"
            )
        return await summarize(self.pool, published, good, time.monotonic() - started)

    async def _at_rest(self) -> bool:
        kafka = Kafka(bootstrap=self.fleet.env["YANCHEN_KAFKA__BOOTSTRAP"])
        return (
            await done_offsets(self.pool, "rules", READINGS) >= await log_end(kafka, READINGS)
            and await done_offsets(self.pool, "alerts", EVALUATIONS) >= await log_end(kafka, EVALUATIONS)
            and await waiting_notices(self.pool) == 0
        )


@asynccontextmanager
async def open_demo(data: Path, replay: timedelta, say: Callable[[str], None]) -> AsyncIterator[Demo]:
    """Start the servers, the services and the devices; stop them all at the end.

    Args:
        data: a folder of its own; what an earlier demo left in it goes on.
        replay: how much of the past the devices send first, as fast as it is taken.
        say: told what is going on, one line each.
    """
    city = build_city(SEED)
    programme = files("rules").joinpath("packs/optional/city-programme.toml")
    async with Stack(data, say=say) as stack:
        say(f"Kafka, mosquitto and TimescaleDB serve after {stack.started_in:.1f} s")
        await asyncio.to_thread(migrate, stack.endpoints.database_url)
        env = environment(
            stack.endpoints,
            hj212_port=free_port(),
            web_port=free_port(8000),
            more={
                "YANCHEN_RULES__PACKS": json.dumps([str(programme)]),
                "YANCHEN_WEB__WALL_TOKEN": secrets.token_urlsafe(12),
                "YANCHEN_WEB__SECRET": secrets.token_urlsafe(32),
                "YANCHEN_WEB__DEMO": "true",
            },
        )
        async with open_pool(Database(url=stack.endpoints.database_url)) as pool:
            await fill_city(pool, since_ms=int((time.time() - replay.total_seconds()) * 1000))
            async with (
                accounts_kept(stack.mqtt, stack.endpoints.database_url),
                Fleet(env, stack.endpoints.logs) as fleet,
            ):
                say(f"ingest, writer, rules, alerts and web serve; replaying {replay}")
                tally = data / "tally.json"
                simulator = await _start_simulator(env, stack.endpoints.logs, replay, tally)
                try:
                    yield Demo(
                        wall_url=f"{env['YANCHEN_WEB__PUBLIC_URL']}/wall?token={env['YANCHEN_WEB__WALL_TOKEN']}",
                        squad_url=f"{env['YANCHEN_WEB__PUBLIC_URL']}/squad",
                        doors=doors(env),
                        accounts=city.accounts,
                        warnings=stack.warnings,
                        data=data,
                        fleet=fleet,
                        simulator=simulator,
                        pool=pool,
                        tally=tally,
                    )
                finally:
                    await simulator.stop(within=30)


async def fill_city(pool: Pool, since_ms: int) -> None:
    """Write the invented district and its context series from an hour before an instant to tomorrow."""
    shapes = {shape["properties"]["code"]: shape["geometry"] for shape in outlines()["features"]}
    await import_city(pool, build_city(SEED), shapes)
    until_ms = int(time.time() * 1000) + 86_400_000
    level = scenario_named(SCENARIO).pm10_level
    await store_context(pool, context_series(SEED, level, since_ms - 3_600_000, until_ms), Rules().lateness)


async def _start_simulator(env: dict[str, str], logs: Path, replay: timedelta, tally: Path) -> Process:
    broker = f"{env['YANCHEN_MQTT__HOST']}:{env['YANCHEN_MQTT__PORT']}"
    login = f"{env['YANCHEN_MQTT__USERNAME']}:{env['YANCHEN_MQTT__PASSWORD']}"
    words = [
        *("simulate", SCENARIO, "--seed", str(SEED)),
        *("--mqtt", f"mqtt://{login}@{broker}"),
        *("--hj212", f"127.0.0.1:{env['YANCHEN_INGEST__HJ212_PORT']}"),
        *("--replay", f"{replay.total_seconds():.0f}s", "--tally", str(tally)),
    ]
    await asyncio.to_thread(tally.unlink, missing_ok=True)
    simulator = await Process.spawn(yanchen("devices", words, logs, env))

    async def counts() -> bool:
        return await asyncio.to_thread(tally.exists)

    await simulator.wait_ready(counts, _START_S)
    return simulator
