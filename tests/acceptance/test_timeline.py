"""The main job, on real servers and real processes, with plugs pulled in the middle.

A restaurant exceeds for half an hour; one squad has one notice; the acknowledgement is on the
wall; writer, rules and alerts are each killed with SIGKILL, and nothing is lost or doubled.
"""

import asyncio
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import httpx
import pytest
import pytest_asyncio
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from app.embedded.ports import free_port
from app.embedded.process import wait_until
from app.embedded.stack import Endpoints, Stack
from app.fleet import Fleet, environment
from domain.codec import decode_evaluation
from domain.register import Account, City, GridCell, GridLevel, Monitor, Place, Role, Squad
from domain.report import Report, Source
from domain.site import Protocol, Site, SiteKind
from domain.topics import EVALUATIONS, READINGS, Channel, mqtt_topic
from rules.offline import evaluate
from rules.pack import load_packs
from runtime.database import Pool, open_pool, transaction
from runtime.kafka import log_end, read_since
from runtime.migrations import migrate
from runtime.offsets import done_offsets
from runtime.register import import_city
from runtime.settings import Database, Kafka
from simulators.hj212_frame import crc, frame

pytestmark = pytest.mark.timeout(240)

MINUTES = 90
START = (datetime.now(UTC) - timedelta(minutes=MINUTES)).replace(second=0, microsecond=0)
BAD, TOKEN = "fume-bad", "wall-token"
GOOD = [f"fume-{number}" for number in range(6)]
DUST = "320602DUST00000000000001"
"""The HJ 212 device: its site stays below every limit."""


class Squadron(BaseHTTPRequestHandler):
    """The squad's own system: takes signed notices, remembers their keys."""

    keys: ClassVar[Counter[str]] = Counter()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.keys[self.headers["Idempotency-Key"]] += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_words: Any) -> None:
        """Silent."""


def city(webhook: str) -> City:
    return City(
        cells=(
            GridCell(code="320600", name="临江市", level=GridLevel.CITY),
            GridCell(code="320602", name="江东区", level=GridLevel.DISTRICT, parent="320600"),
            GridCell(code="320602001", name="望江街道", level=GridLevel.SUBDISTRICT, parent="320602"),
        ),
        squads=(Squad(squad="wangjiang", name="望江中队", grid_code="320602001", webhook_url=webhook),),
        places=tuple(
            Place(
                site=device,
                name=f"店 {device}" if kind is SiteKind.RESTAURANT else "工地",
                kind=kind,
                area="320602",
                grid_code="320602001",
                lon=120.8,
                lat=32.0,
            )
            for device, kind in [
                (BAD, SiteKind.RESTAURANT),
                *((d, SiteKind.RESTAURANT) for d in GOOD),
                (DUST, SiteKind.CONSTRUCTION),
            ]
        ),
        monitors=(
            *(Monitor(device=device, site=device) for device in [BAD, *GOOD]),
            Monitor(device=DUST, site=DUST, protocol=Protocol.HJ212, password="123456"),
        ),
        accounts=(
            Account(username="squad", password="pass-squad", name="王队", role=Role.SQUAD, squad="wangjiang"),
        ),
    )


@dataclass
class Town:
    """The running system and what was sent to it."""

    stack: Stack
    fleet: Fleet
    pool: Pool
    sent: list[Report] = field(default_factory=list)

    @property
    def kafka(self) -> Kafka:
        return Kafka(bootstrap=self.stack.endpoints.kafka_bootstrap)

    @property
    def url(self) -> str:
        return self.fleet.env["YANCHEN_WEB__PUBLIC_URL"]

    async def rows(self, query: str) -> list[dict[str, Any]]:
        async with transaction(self.pool) as connection:
            return await (await connection.execute(query)).fetchall()  # type: ignore[arg-type]

    async def at_rest(self) -> bool:
        """Everybody has read their log to its end."""
        ends = {topic: await log_end(self.kafka, topic) for topic in (READINGS, EVALUATIONS)}
        places = [("writer", READINGS), ("rules", READINGS), ("alerts", EVALUATIONS)]
        return all([await done_offsets(self.pool, name, topic) >= ends[topic] for name, topic in places])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town() -> AsyncIterator[Town]:
    hook = ThreadingHTTPServer(("127.0.0.1", 0), Squadron)
    Thread(target=hook.serve_forever, daemon=True).start()
    folder = Path(tempfile.mkdtemp(prefix="yanchen-acceptance-"))
    more = {
        "YANCHEN_RULES__GRACE": "PT5S",
        "YANCHEN_WEB__WALL_TOKEN": TOKEN,
        "YANCHEN_ALERTS__WEBHOOK_SECRET": "secret",
    }
    async with Stack(folder, durable=False) as stack:
        migrate(stack.endpoints.database_url)
        env = environment(stack.endpoints, hj212_port=free_port(), web_port=free_port(), more=more)
        async with open_pool(Database(url=stack.endpoints.database_url)) as pool:
            await import_city(pool, city(f"http://127.0.0.1:{hook.server_port}/hook"))
            async with Fleet(env, stack.endpoints.logs) as fleet:
                yield Town(stack, fleet, pool)
    hook.shutdown()
    hook.server_close()
    shutil.rmtree(folder)


def readings(device: str, minute: int) -> dict[str, float]:
    if device == DUST:
        return {"tsp": 120.0 + minute, "noise": 55.0}
    return {"oil_fume": 3.1 if device == BAD and 20 <= minute < 50 else 0.4 + minute / 1000}


def report(device: str, minute: int) -> Report:
    at = START + timedelta(minutes=minute)
    return Report(device=device, at=at, readings=readings(device, minute), seq=minute, source=Source.MQTT)


@asynccontextmanager
async def devices(town: Town) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """A function that sends one minute of the town and returns when every door has confirmed it."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", int(town.fleet.env["YANCHEN_INGEST__HJ212_PORT"])
    )
    async with publisher(town.stack.endpoints) as publish:

        async def send(minute: int) -> None:
            for device in [BAD, *GOOD]:
                item = report(device, minute)
                body = {"at": item.instant.isoformat(), "seq": minute, "readings": item.readings}
                await publish(mqtt_topic(device, Channel.READINGS), json.dumps(body).encode())
                town.sent.append(item)
            writer.write(dust_frame(minute))
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 30)
            assert b"CN=9014" in answer
            town.sent.append(report(DUST, minute))

        yield send
    writer.close()


@asynccontextmanager
async def publisher(broker: Endpoints) -> AsyncIterator[Callable[[str, bytes], Awaitable[None]]]:
    """Publishes at QoS 1 and waits for the PUBACK."""
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(broker.mqtt_user, broker.mqtt_password)
    client.connect(broker.mqtt_host, broker.mqtt_port)
    client.loop_start()

    async def publish(topic: str, payload: bytes) -> None:
        await asyncio.to_thread(client.publish(topic, payload, qos=1).wait_for_publish, 30)

    try:
        yield publish
    finally:
        client.disconnect()
        client.loop_stop()


def dust_frame(minute: int) -> bytes:
    local = (START + timedelta(minutes=minute, hours=8)).strftime("%Y%m%d%H%M%S")
    values = readings(DUST, minute)
    body = f"DataTime={local};a34001-Rtd={values['tsp']},a34001-Flag=N;LA-Rtd={values['noise']},LA-Flag=N"
    data = f"QN={local}000;ST=39;CN=2011;PW=123456;MN={DUST};Flag=5;CP=&&{body}&&".encode()
    return frame(data, crc(data))


async def test_one_notice_acknowledged_and_nothing_lost_or_doubled(town: Town) -> None:
    plugs = {25: "writer", 35: "rules", 45: "alerts", 55: "rules", 65: "alerts", 75: "writer"}
    async with devices(town) as send:
        for minute in range(MINUTES):
            await send(minute)
            if minute in plugs:
                await town.fleet.kill(plugs[minute])
    assert await wait_until(lambda: stored(town), 60), "the writer did not store everything"
    assert await wait_until(town.at_rest, 60), "rules or alerts did not come to rest"
    await check_store(town)
    await check_evaluations(town)
    await check_one_notice(town)
    await check_acknowledgement(town)
    assert town.fleet.restarts == len(plugs)


async def stored(town: Town) -> bool:
    return bool((await town.rows("SELECT count(*) AS n FROM reports"))[0]["n"] == len(town.sent))


async def check_store(town: Town) -> None:
    """Every reading is there once, with its value, and the ledger closes."""
    kept = {
        (row["device"], row["at"], row["factor"]): row["value"]
        for row in await town.rows(
            "SELECT device, at, factor, value FROM readings JOIN devices USING (point_id)"
        )
    }
    sent = {
        (item.device, item.instant, factor): value
        for item in town.sent
        for factor, value in item.readings.items()
    }
    assert kept == sent
    (ledger,) = await town.rows(
        "SELECT sum(stored) AS s, sum(duplicate) AS d, sum(rejected) AS r FROM ledger"
    )
    assert (ledger["s"], ledger["d"], ledger["r"]) == (len(town.sent), 0, 0)


async def check_evaluations(town: Town) -> None:
    """What was judged online, through three kills, is what the whole log says."""
    sites = {
        device: Site(site=device, kind=SiteKind.RESTAURANT, area="320602") for device in [BAD, *GOOD]
    } | {DUST: Site(site=DUST, kind=SiteKind.CONSTRUCTION, area="320602")}
    whole = {
        item.id: (item.verdict, item.value, item.n_valid)
        for item in evaluate(town.sent, sites, [], load_packs())
    }
    online = {
        row["id"]: (row["verdict"], row["value"], row["n_valid"])
        for row in await town.rows("SELECT id, verdict, value, n_valid FROM evaluations")
    }
    assert online.items() <= whole.items()
    assert len(whole) - len(online) <= 2 * (len(GOOD) + 2), "only the last windows may still be open"
    revisions: dict[Any, int] = {}
    for partition in range(4):
        for record in await read_since(town.kafka, (EVALUATIONS, partition), 0):
            item = decode_evaluation(record.value)
            assert item.revision >= revisions.get(item.id, 0), "a revision went back"
            revisions[item.id] = item.revision


async def check_one_notice(town: Town) -> None:
    """One case, one notice on each channel, one key at the squad's own system."""
    (case,) = await town.rows("SELECT site, nuisance, squad, first_offence FROM cases")
    assert (case["site"], case["nuisance"], case["squad"], case["first_offence"]) == (
        BAD,
        "fume",
        "wangjiang",
        True,
    )

    async def delivered() -> bool:
        return not await town.rows("SELECT 1 FROM notices WHERE state <> 'delivered'")

    assert await wait_until(delivered, 60)
    notices = await town.rows("SELECT channel FROM notices ORDER BY channel")
    assert [row["channel"] for row in notices] == ["page", "webhook"]
    assert len(Squadron.keys) == 1


async def check_acknowledgement(town: Town) -> None:
    """The squad's page shows the case once; its acknowledgement is on the wall with who and when."""
    async with httpx.AsyncClient(base_url=town.url, follow_redirects=True) as phone:
        await phone.post("/login", data={"username": "squad", "password": "pass-squad"})
        (card,) = (await phone.get("/squad/cases.json")).json()["cards"]
        pressed = await phone.post(
            f"/squad/cases/{card['id']}/acknowledge",
            headers={"Accept": "application/json", "Origin": town.url},
        )
        assert pressed.json() == {"ok": True, "message": ""}
    async with httpx.AsyncClient(base_url=town.url) as wall:
        await wall.get("/wall", params={"token": TOKEN})

        async def shown() -> bool:
            return "王队" in (await wall.get("/wall/state")).text

        assert await wait_until(shown, 15)
