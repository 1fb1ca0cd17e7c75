"""The embedded stack: real servers that serve, keep their data, and leave nothing behind."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import paho.mqtt.client as mqtt
import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from app.embedded.ports import HOST, Ports
from app.embedded.process import wait_until
from app.embedded.stack import Stack
from domain.errors import Unavailable, YanchenError

DEVICE, PASSWORD = "device-7", "s3cret"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that the servers' user may reach; pytest's own temporary folders are private."""
    with tempfile.TemporaryDirectory(prefix="yanchen-stack-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}/exe").exists() for pid in pids)


async def eventually(condition: Callable[[], bool]) -> None:
    assert await wait_until(lambda: asyncio.to_thread(condition), 20)


async def write_to_kafka(stack: Stack, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stack.endpoints.kafka_bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def new_topic(stack: Stack) -> str:
    topic = f"t-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.endpoints.kafka_bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()
    return topic


async def read_from_kafka(stack: Stack, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.endpoints.kafka_bootstrap)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.seek_to_beginning()
        return [(await asyncio.wait_for(consumer.getone(), 20)).value for _ in range(count)]
    finally:
        await consumer.stop()


class Client:
    """A small MQTT 5 client that remembers what it was told."""

    def __init__(self, stack: Stack, user: str, password: str, name: str | None = None) -> None:
        self.received: list[bytes] = []
        self.answers: list[str] = []
        self.connected = ""
        name = name or uuid.uuid4().hex
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv5)
        self._client.username_pw_set(user, password)
        self._client.on_connect = lambda *args: setattr(self, "connected", str(args[3]))
        self._client.on_subscribe = lambda *args: self.answers.extend(map(str, args[3]))
        self._client.on_publish = lambda *args: self.answers.append(str(args[3]))
        self._client.on_message = lambda *args: self.received.append(args[2].payload)
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 600
        endpoints = stack.endpoints
        self._client.connect(endpoints.mqtt_host, endpoints.mqtt_port, clean_start=False, properties=session)
        self._client.loop_start()

    async def __aenter__(self) -> Self:
        await eventually(lambda: bool(self.connected))
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._client.disconnect)
        await asyncio.to_thread(self._client.loop_stop)

    async def publish(self, topic: str, payload: bytes) -> str:
        self._client.publish(topic, payload, qos=1)
        await eventually(lambda: bool(self.answers))
        return self.answers.pop()

    async def subscribe(self, topic: str) -> str:
        self._client.subscribe(topic, qos=1)
        await eventually(lambda: bool(self.answers))
        return self.answers.pop()


def service(stack: Stack, name: str | None = None) -> Client:
    return Client(stack, stack.endpoints.mqtt_user, stack.endpoints.mqtt_password, name)


async def test_the_database_speaks_utf8_and_has_its_extension(stack: Stack, database_url: str) -> None:
    if stack.warnings.get("database"):
        pytest.skip("a bare PostgreSQL stands in")
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("CREATE EXTENSION timescaledb")
        row = await (await connection.execute("SHOW timescaledb.license")).fetchone()
        assert row is not None
        assert row[0] in {"apache", "timescale"}
        row = await (await connection.execute("SELECT upper('ä油烟'), current_setting('jit')")).fetchone()
        assert row == ("Ä油烟", "off")


async def test_the_database_wants_its_password(stack: Stack) -> None:
    wrong = stack.endpoints.database_url.replace(":", ":x", 2).replace("postgresql:x", "postgresql:")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await psycopg.AsyncConnection.connect(wrong)


async def test_a_killed_database_keeps_what_it_committed(stack: Stack, database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        await stack.database.kill()
    await stack.database.start()
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        row = await (await connection.execute("SELECT count(*) FROM kept")).fetchone()
    assert row == (1000,)


async def test_a_killed_kafka_keeps_what_it_acknowledged(stack: Stack) -> None:
    topic = await new_topic(stack)
    await write_to_kafka(stack, topic, b"before")
    await stack.kafka.kill()
    await stack.kafka.start()
    await write_to_kafka(stack, topic, b"after")

    assert await read_from_kafka(stack, topic, 2) == [b"before", b"after"]


async def test_a_restarted_broker_keeps_what_waits_for_a_service(stack: Stack) -> None:
    name = uuid.uuid4().hex
    async with service(stack, name) as away:
        await away.subscribe(f"yanchen/v1/{name}/#")
    async with service(stack) as device:
        await device.publish(f"yanchen/v1/{name}/readings", b"waiting")
    await stack.mqtt.restart()

    async with service(stack, name) as back:
        await eventually(lambda: back.received == [b"waiting"])


async def test_a_device_publishes_below_its_own_name_only(stack: Stack) -> None:
    await stack.mqtt.set_users([(DEVICE, PASSWORD)])
    async with service(stack) as listener, Client(stack, DEVICE, PASSWORD) as device:
        await listener.subscribe("yanchen/v1/#")
        assert await device.publish(f"yanchen/v1/{DEVICE}/readings", b"mine") == "Success"
        assert await device.publish("yanchen/v1/device-8/readings", b"not mine") == "Not authorized"
        assert await device.publish(f"yanchen/v1/{DEVICE}x/readings", b"not mine") == "Not authorized"
        assert await device.publish(f"yanchen/v1/{DEVICE}/status", b"mine too") == "Success"
        await eventually(lambda: len(listener.received) == 2)
    assert listener.received == [b"mine", b"mine too"]


async def test_users_come_and_go_while_the_broker_runs(stack: Stack) -> None:
    await stack.mqtt.set_users([("device-9", PASSWORD)])
    async with Client(stack, "device-9", PASSWORD) as device:
        assert device.connected == "Success"
    async with Client(stack, "device-9", "wrong") as stranger:
        assert stranger.connected == "Not authorized"
    await stack.mqtt.set_users([])
    async with Client(stack, "device-9", PASSWORD) as removed:
        assert removed.connected == "Not authorized"


async def test_thousands_of_users_are_hashed_at_once(stack: Stack) -> None:
    users = [(f"MN{number:06d}", uuid.uuid4().hex) for number in range(3000)]
    async with asyncio.timeout(20):
        await stack.mqtt.set_users(users)
    async with Client(stack, *users[2999]) as device:
        assert device.connected == "Success"
    await stack.mqtt.set_users([])


async def test_a_stack_stops_cleanly_and_comes_back_with_its_data(folder: Path) -> None:
    async with Stack(folder, durable=False) as first:
        pids = [server.pid for server in first.servers if server.pid]
        topic = await new_topic(first)
        await write_to_kafka(first, topic, b"kept")
        await first.database.create_database("kept")
        with pytest.raises(Unavailable, match="another embedded stack uses"):
            await Stack(folder, lock_seconds=0.1).start()
    assert len(pids) == 3
    assert gone(pids)

    async with Stack(folder, durable=False) as second:
        assert await read_from_kafka(second, topic, 1) == [b"kept"]
        async with await psycopg.AsyncConnection.connect(second.database.url_of("kept")):
            pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
async def test_no_server_outlives_a_killed_run(folder: Path) -> None:
    script = """
import asyncio, sys
from pathlib import Path
from app.embedded.stack import Stack

async def main():
    async with Stack(Path(sys.argv[1])) as stack:
        print(*(server.pid for server in stack.servers), flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, folder, stdout=asyncio.subprocess.PIPE
    )
    assert run.stdout is not None
    pids = [int(word) for word in (await run.stdout.readline()).split()]
    assert len(pids) == 3
    os.kill(run.pid, signal.SIGKILL)
    await run.wait()

    async with Stack(folder, durable=False) as after:  # waits until they have ended
        assert gone(pids)
        assert after.kafka.running


async def test_a_taken_port_is_named_and_nothing_keeps_running(folder: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        stack = Stack(folder, durable=False, ports=Ports(mqtt=port))
        with pytest.raises(Unavailable, match=f"mqtt did not start: another program listens on port {port}"):
            await stack.start()
    assert not any(server.running for server in stack.servers)


DAMAGE = {
    "kafka": ("kafka/log/meta.properties", b"version=1\n"),
    "database": ("database/cluster/PG_VERSION", b"9.6\n"),
    "mqtt": ("mqtt/data/mosquitto.db", b"nonsense" * 64),
}


async def test_a_part_that_fails_is_named_with_its_log(folder: Path) -> None:
    async with Stack(folder, durable=False) as stack:
        for part in stack.servers:
            await part.stop()
            place, rubbish = DAMAGE[part.name]
            (folder / place).write_bytes(rubbish)
            with pytest.raises(
                YanchenError, match=f"{part.name} did not start: ended with exit code"
            ) as caught:
                await part.start()
            assert str(part.log) in str(caught.value)
            assert str(caught.value).splitlines()[-1].startswith("  | ")
            assert not part.running
