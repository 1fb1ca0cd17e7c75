"""A small town on real servers and real processes: what the acceptance tests share."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from app.embedded.stack import Endpoints, Stack
from app.fleet import Fleet
from domain.register import Account, City, GridCell, GridLevel, Monitor, Place, Role, Squad
from domain.report import Report, Source
from domain.site import Protocol, SiteKind
from domain.topics import EVALUATIONS, READINGS, Channel, mqtt_topic
from runtime.database import Pool, transaction
from runtime.kafka import log_end
from runtime.offsets import done_offsets
from runtime.settings import Kafka
from simulators.hj212_frame import crc, frame

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
    def hj212_port(self) -> int:
        return int(self.fleet.env["YANCHEN_INGEST__HJ212_PORT"])

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


def readings(device: str, minute: int) -> dict[str, float]:
    if device == DUST:
        return {"tsp": 120.0 + minute, "noise": 55.0 + minute % 3}
    return {"oil_fume": 3.1 if device == BAD and 20 <= minute < 50 else 0.4 + minute / 1000}


def report(device: str, minute: int) -> Report:
    at = START + timedelta(minutes=minute)
    return Report(device=device, at=at, readings=readings(device, minute), seq=minute, source=Source.MQTT)


@asynccontextmanager
async def devices(town: Town) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """A function that sends one minute of the town and returns when every door has confirmed it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", town.hj212_port)
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
