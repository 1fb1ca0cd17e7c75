"""The simulated city over real doors: mosquitto, and a gateway that answers as HJ 212 wants."""

import asyncio
import contextlib
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from app.embedded.stack import Stack
from domain.codec import decode_device_report, split_device_reports
from domain.errors import Rejected, Unavailable
from domain.instant import from_ms, to_ms
from domain.site import Protocol
from domain.topics import MQTT_ROOT
from simulators import hj212_frame
from simulators.city import build_city
from simulators.door import Door
from simulators.plan import SCENARIOS
from simulators.publication import Outcome, Publication
from simulators.publish_hj212 import Hj212Door, Hj212Target
from simulators.publish_mqtt import MqttDoor, MqttTarget
from simulators.run import Control, Plan, Targets, run
from simulators.stream import generate
from simulators.tally import Tally

SEED = 11
CITY = build_city(SEED)
DEMO = SCENARIOS["demo"]


def target(stack: Stack, **changes: Any) -> MqttTarget:
    ends = stack.endpoints
    access = {"username": ends.mqtt_user, "password": ends.mqtt_password}
    return MqttTarget(host=ends.mqtt_host, port=ends.mqtt_port, **(access | changes))


class Listener:
    """Counts reports by (device, time) as a subscriber of everything."""

    def __init__(self, stack: Stack) -> None:
        self.seen: Counter[tuple[str, int]] = Counter()
        self.broken = 0
        self.messages = 0
        ends = stack.endpoints
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.username_pw_set(ends.mqtt_user, ends.mqtt_password)
        self._client.on_message = self._take
        ready = threading.Event()
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.connect(ends.mqtt_host, ends.mqtt_port)
        self._client.loop_start()
        self._client.subscribe(f"{MQTT_ROOT}/+/readings", qos=1)
        assert ready.wait(10)

    def _take(self, _client: Client, _data: Any, message: Any) -> None:
        self.messages += 1
        device = message.topic.split("/")[2]
        try:
            for report, _ in map(decode_device_report, split_device_reports(message.payload)):
                self.seen[device, to_ms(report.at)] += 1  # type: ignore[arg-type]
        except Rejected:
            self.broken += 1

    async def all_of(self, messages: int) -> None:
        async with asyncio.timeout(20):
            while self.messages < messages:  # noqa: ASYNC110 - paho counts on another thread
                await asyncio.sleep(0.02)
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)


@dataclass
class Gateway:
    """Answers good frames with 9014; may keep silent or hang up at first."""

    silent: int = 0
    hang_up: int = 0
    frames: list[bytes] = field(default_factory=list)
    port: int = 0
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while data := await reader.read(65536):
            for piece in data.split(b"##")[1:]:
                self.frames.append(b"##" + piece)
                answer = self._answer(b"##" + piece)
                if answer is not None:
                    writer.write(answer)
            if self.hang_up:
                self.hang_up -= 1
                break
        writer.close()

    def _answer(self, frame: bytes) -> bytes | None:
        data, rest = frame[6 : 6 + int(frame[2:6])], frame[6 + int(frame[2:6]) :]
        if rest != b"%04X\r\n" % hj212_frame.crc(data) or self.hang_up:
            return None
        if self.silent:
            self.silent -= 1
            return None
        fields = dict(part.split("=") for part in data.split(b";CP=")[0].decode().split(";"))
        text = f"QN={fields['QN']};ST=91;CN=9014;PW={fields['PW']};MN={fields['MN']};Flag=4;CP=&&&&"
        return hj212_frame.frame(text.encode(), hj212_frame.crc(text.encode()))


@asynccontextmanager
async def listening(gateway: Gateway) -> AsyncIterator[Hj212Target]:
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", gateway.port)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield Hj212Target(host="127.0.0.1", port=port, answer_s=0.5, patience_s=2)


def span(door: Protocol, minutes: int = 20) -> list[Publication]:
    start = from_ms(1_795_237_200_000)
    stream = generate(CITY, DEMO, start, start + timedelta(minutes=minutes), SEED)
    return [publication for publication in stream if publication.door is door]


async def send_all(door: Door, publications: list[Publication]) -> None:
    await door.open()
    try:
        for publication in publications:
            await door.send(publication)
        await door.drain()
    finally:
        await door.close()


async def test_mosquitto_has_every_report_that_the_tally_calls_published(stack: Stack) -> None:
    listener, tally, sent = Listener(stack), Tally(), span(Protocol.MQTT)
    await send_all(MqttDoor(target(stack), tally.settle), sent)
    await listener.all_of(len(sent))
    assert tally.unconfirmed == []
    assert tally.messages == len(sent)
    good = {(device, at) for device, ats in tally.good.items() for at in ats}
    assert good <= set(listener.seen)
    assert listener.seen.total() == tally.reports - tally.faults["corrupt"] - tally.faults["cut"]
    assert listener.broken == tally.faults["corrupt"] + tally.faults["cut"]


async def test_a_small_window_is_enough(stack: Stack) -> None:
    tally, sent = Tally(), span(Protocol.MQTT, 5)
    await send_all(MqttDoor(target(stack, window=2, connections=1), tally.settle), sent)
    assert tally.messages == len(sent)
    assert tally.unconfirmed == []


async def test_a_wrong_password_is_said_at_once(stack: Stack) -> None:
    with pytest.raises(Unavailable, match="refuses us"):
        await send_all(MqttDoor(target(stack, password="no"), Tally().settle), [])


async def test_an_account_that_may_not_publish_for_others_is_no_endless_loop(stack: Stack) -> None:
    device = "dust-0001"
    await stack.mqtt.set_users([(device, "secret-of-a-device")])
    tally, sent = Tally(), span(Protocol.MQTT, 2)
    allowed = target(stack, username=device, password="secret-of-a-device", connections=1)
    with contextlib.suppress(Unavailable):
        await send_all(MqttDoor(allowed, tally.settle), sent)
    await stack.mqtt.set_users([])
    assert set(tally.good) <= {device}
    assert {name for name, _ in tally.unconfirmed} >= {"fume-0001", "dust-0002"}


async def test_the_city_survives_a_restart_of_the_broker(stack: Stack) -> None:
    tally, sent = Tally(), span(Protocol.MQTT, 10)
    door = MqttDoor(target(stack), tally.settle)
    await door.open()
    for publication in sent[:200]:
        await door.send(publication)
    await stack.mqtt.restart()
    for publication in sent[200:]:
        await door.send(publication)
    await door.drain()
    await door.close()
    assert tally.messages == len(sent)
    assert tally.unconfirmed == []


async def test_every_good_frame_is_answered_and_every_frame_arrives() -> None:
    gateway, tally, sent = Gateway(), Tally(), span(Protocol.HJ212)
    async with listening(gateway) as where:
        await send_all(Hj212Door(where, tally.settle), sent)
    assert tally.unconfirmed == []
    assert tally.reports == len(sent) == len(gateway.frames)
    assert Counter(gateway.frames) == Counter(publication.payload for publication in sent)
    assert tally.outcomes["rejected"] == sum(p.outcome is Outcome.REJECTED for p in sent)


async def test_devices_may_share_connections() -> None:
    gateway, tally, sent = Gateway(), Tally(), span(Protocol.HJ212, 5)
    async with listening(gateway) as where:
        few = Hj212Target(host=where.host, port=where.port, connections=3)
        await send_all(Hj212Door(few, tally.settle), sent)
    assert gateway.connections == 3
    assert tally.unconfirmed == []


@pytest.mark.parametrize("trouble", [{"silent": 5}, {"hang_up": 3}])
async def test_a_frame_without_an_answer_is_sent_again_and_counts_once(trouble: dict[str, int]) -> None:
    gateway, tally = Gateway(**trouble), Tally()
    sent = [p for p in span(Protocol.HJ212, 5) if not p.faults]
    async with listening(gateway) as where:
        await send_all(Hj212Door(where, tally.settle), sent)
    assert tally.reports == len(sent)
    assert tally.unconfirmed == []
    assert len(gateway.frames) > len(sent)


async def test_a_gateway_that_never_answers_leaves_reports_unconfirmed() -> None:
    gateway, tally = Gateway(silent=10**6), Tally()
    sent = [p for p in span(Protocol.HJ212, 1) if not p.faults]
    async with listening(gateway) as where:
        impatient = Hj212Target(host=where.host, port=where.port, answer_s=0.05, resends=2)
        await send_all(Hj212Door(impatient, tally.settle), sent)
    assert len(tally.unconfirmed) == tally.reports == len(sent)
    assert tally.good == {}
    assert len(gateway.frames) == 3 * len(sent)


async def test_no_gateway_is_said() -> None:
    nowhere = Hj212Target(host="127.0.0.1", port=1, patience_s=0.1)
    with pytest.raises(Unavailable, match="does not answer"):
        await send_all(Hj212Door(nowhere, Tally().settle), [])


async def test_replay_then_live_until_stopped(stack: Stack, tmp_path: Path) -> None:
    """Two hours at once over both doors, then the clock's own pace; nothing is left unconfirmed."""
    gateway, listener, told = Gateway(), Listener(stack), asyncio.Event()
    control = Control(tally_file=tmp_path / "tally.json")
    control.progress = lambda _reports, _at, live: told.set() if live else None
    async with listening(gateway) as where:
        targets = Targets(mqtt=target(stack), hj212=where)
        running = asyncio.create_task(
            run(CITY, DEMO, seed=SEED, plan=Plan(replay=timedelta(hours=2)), targets=targets, control=control)
        )
        async with asyncio.timeout(60):
            await told.wait()
        control.stop.set()
        tally = await running
    written = json.loads((tmp_path / "tally.json").read_text())
    assert written["final"] is True
    assert written["reports"] == tally.reports > 80 * 115
    assert tally.unconfirmed == []
    assert len(gateway.frames) == tally.doors["hj212"]
    await listener.all_of(tally.messages - len(gateway.frames))
    assert set(tally.doors) == {"mqtt", "hj212"}


async def test_a_run_ends_after_its_duration(stack: Stack) -> None:
    start = from_ms(1_795_237_200_000)
    plan = Plan(start=start, duration=timedelta(minutes=3))
    tally = await run(CITY, DEMO, seed=SEED, plan=plan, targets=Targets(mqtt=target(stack)))
    assert tally.reports == sum(len(p.reports) for p in span(Protocol.MQTT, 3))
