"""A second way in, on the real servers: refused, registered, replayed once, stored, and the account closed;
unmapped, mapped, added once."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.embedded.stack import Stack
from domain.errors import YanchenError
from domain.instant import CHINA
from domain.register import City, GridCell, GridLevel, Monitor
from domain.register import Place as SitePlace
from domain.site import SiteKind
from domain.topics import Channel, mqtt_topic
from ingest.admission import Admitted, Bounds
from ingest.hj212.answer import enclose
from ingest.intake import Intake
from ingest.mqtt_door import decode
from ingest.writer import TOPICS, write
from runtime.database import Pool, open_pool
from runtime.kafka import Place, Stream, log_end, open_producer, open_stream
from runtime.migrations import migrate
from runtime.mqtt import Message
from runtime.offsets import done_offsets, start_offsets
from runtime.register import Register, import_city, load_devices
from runtime.settings import Database, Kafka

NOW = datetime.now(UTC).replace(microsecond=0)
MS = timedelta(milliseconds=1)
CITY = City(
    cells=(GridCell(code="320600", name="市", level=GridLevel.CITY),),
    places=(
        SitePlace(
            site="r1",
            name="r",
            kind=SiteKind.RESTAURANT,
            area="320602",
            grid_code="320600",
            lon=120.8,
            lat=32.0,
        ),
    ),
)


class House:
    """Ingest's deciding and the writer, driven by hand, and the commands."""

    def __init__(self, pool: Pool, kafka: Kafka, group: str) -> None:
        self.pool = pool
        self.kafka = kafka
        self.group = group

    async def receive(self, device: str, *reports: Mapping[str, Any], after: int = 0) -> Admitted:
        """A publication comes in; what is decided goes to Kafka."""
        payload = json.dumps(list(reports)).encode()
        return await self._take(Message(mqtt_topic(device, Channel.READINGS), payload, NOW + MS * after))

    async def receive_frame(self, device: str, minute: int, items: str) -> Admitted:
        """An HJ 212 report that was measured so many minutes ago comes in over MQTT."""
        at = f"DataTime={(NOW - timedelta(minutes=minute)).astimezone(CHINA):%Y%m%d%H%M%S}"
        payload = enclose(f"QN={minute};ST=31;CN=2011;MN={device};Flag=4;CP=&&{at};{items}&&".encode())
        return await self._take(Message(mqtt_topic(device, Channel.HJ212), payload, NOW))

    async def _take(self, message: Message) -> Admitted:
        admitted = decode(message, await load_devices(self.pool), Bounds(), 1 << 20)
        async with open_producer(self.kafka) as producer:
            await Intake(producer).publish(admitted)
        return admitted

    async def store(self) -> None:
        """The writer takes everything that is in the log by now."""
        ends = [(topic, await log_end(self.kafka, topic)) for topic in TOPICS]
        register = Register(self.pool)

        async def start_at(_stream: Stream, places: Iterable[Place]) -> Mapping[Place, int]:
            return await start_offsets(self.pool, "writer", places)

        async with open_stream(self.kafka, TOPICS, self.group, start_at) as stream:
            while not all([await done_offsets(self.pool, "writer", topic) >= end for topic, end in ends]):
                for topic, batch in (await stream.take(200)).items():
                    await write(self.pool, register, topic, batch)

    async def run(self, *words: str, of: str = "rejected") -> tuple[int, list[dict[str, Any]]]:
        result = await asyncio.to_thread(CliRunner().invoke, cli, [of, *words])
        if isinstance(result.exception, YanchenError):
            return 2, []
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]

    async def one(self, query: str) -> tuple[Any, ...]:
        async with self.pool.connection() as connection:
            row = await (await connection.execute(query)).fetchone()  # type: ignore[call-overload]
        return tuple(row.values())


@pytest.fixture
async def house(
    stack: Stack, database_url: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[House]:
    migrate(database_url)
    kafka = Kafka(bootstrap=stack.endpoints.kafka_bootstrap)
    monkeypatch.setenv("YANCHEN_DATABASE__URL", database_url)
    monkeypatch.setenv("YANCHEN_KAFKA__BOOTSTRAP", kafka.bootstrap)
    with psycopg.connect(database_url) as connection:
        connection.execute("TRUNCATE grid_cells, devices, readings, reports, rejected, ledger CASCADE")
    async with open_pool(Database(url=database_url)) as pool:
        await import_city(pool, CITY)
        made = House(pool, kafka, f"rejected-{os.getpid()}-{request.node.name}")
        await made.store()  # what other tests left in the log
        async with made.pool.connection() as connection:
            await connection.execute("TRUNCATE readings, reports, rejected, ledger")
        yield made


def report(minute: int, **readings: float) -> dict[str, Any]:
    return {
        "at": (NOW - timedelta(minutes=minute)).isoformat(),
        "seq": 100 - minute,
        "readings": readings or {"oil_fume": 0.5},
    }


NET = """
    SELECT coalesce(sum(stored), 0)::int AS stored, coalesce(sum(duplicate), 0)::int AS duplicate,
           coalesce(sum(rejected), 0)::int
           - (SELECT count(*) FROM rejected WHERE scope = 'report' AND replayed_at IS NOT NULL)::int AS net
    FROM ledger
"""


async def test_a_device_registered_late_loses_nothing(house: House) -> None:
    await house.receive("late", report(3), report(2))
    await house.receive("late", report(1), after=5)
    await house.store()
    assert await house.one(NET) == (0, 0, 3)

    code, lines = await house.run("replay", "--device", "late")
    assert (code, {line["reason"] for line in lines}) == (1, {"unknown_device"})

    await import_city(house.pool, City(monitors=(Monitor(device="late", site="r1"),)))
    code, lines = await house.run("replay", "--device", "late")
    assert (code, [line["replayed"] for line in lines]) == (0, [True] * 3)
    await house.store()
    assert await house.one(NET) == (3, 0, 0)
    received = await house.one("SELECT min(received_at), max(received_at) FROM reports")
    assert received == (NOW, NOW + timedelta(milliseconds=5))

    before = await log_end(house.kafka, "readings")
    assert await house.run("replay", "--device", "late") == (0, [])
    assert await log_end(house.kafka, "readings") == before


async def test_letters_are_listed_and_shown(house: House) -> None:
    await house.receive("unknown", report(1))
    await house.store()
    _, (line,) = await house.run("list", "--reason", "unknown_device", "--since", "1h")
    assert (line["device"], line["scope"]) == ("unknown", "report")
    code, (shown,) = await house.run("show", line["id"].removeprefix("readings.rejected/"))
    assert code == 0
    assert json.loads(shown["payload"]) == report(1), (
        "of a list the one report, so that it can be let in by itself"
    )
    assert shown["origin"] == mqtt_topic("unknown", Channel.READINGS)
    assert await house.run("list", "--device", "somebody") == (0, [])
    assert (await house.run("show", "9/9"))[0] == 2
    assert (await house.run("show", "x"))[0] == 2
    assert (await house.run("replay"))[0] == 2


async def test_a_letter_that_is_still_bad_stays_with_the_reason_of_now(house: House) -> None:
    await house.receive("half", report(1), report(-60))
    await house.store()
    await import_city(house.pool, City(monitors=(Monitor(device="half", site="r1"),)))
    code, lines = await house.run("replay", "--device", "half")
    assert code == 1
    # Reports of one list have one time of receipt, and go in no order.
    assert {(line["replayed"], line.get("reason")) for line in lines} == {(True, None), (False, "future")}
    await house.store()
    assert await house.one(NET) == (1, 0, 1)
    assert [line["replayed"] for line in (await house.run("replay", "--device", "half"))[1]] == [False]
    await house.store()
    assert await house.one(NET) == (1, 0, 1)


async def test_a_reading_that_is_refused_now_is_told(house: House) -> None:
    await house.receive("part", report(1, oil_fume=0.5, noise=900.0))
    await house.store()
    await import_city(house.pool, City(monitors=(Monitor(device="part", site="r1"),)))
    assert (await house.run("replay", "--device", "part"))[0] == 0
    await house.store()
    assert await house.one(NET) == (1, 0, 0)
    assert await house.one("SELECT reason, scope FROM rejected WHERE replayed_at IS NULL") == (
        "implausible",
        "reading",
    )


async def test_a_crash_between_publishing_and_marking_is_harmless(house: House) -> None:
    await house.receive("crash", report(1))
    await house.store()
    await import_city(house.pool, City(monitors=(Monitor(device="crash", site="r1"),)))
    assert (await house.run("replay", "--device", "crash"))[0] == 0
    async with house.pool.connection() as connection:
        await connection.execute("UPDATE rejected SET replayed_at = NULL, replayed_as = NULL")
    assert (await house.run("replay", "--device", "crash"))[0] == 0
    await house.store()
    assert await house.one("SELECT count(*) FROM readings") == (1,)
    assert await house.one(NET) == (1, 1, 0)


async def test_replays_at_the_same_time_share_the_letters(house: House) -> None:
    for number in range(20):
        await house.receive("twice", report(number), after=number)
    await house.store()
    await import_city(house.pool, City(monitors=(Monitor(device="twice", site="r1"),)))
    before = await log_end(house.kafka, "readings")
    argv = [sys.executable, "-m", "app.cli", "rejected", "replay", "--device", "twice"]
    quiet = asyncio.subprocess.DEVNULL
    both = [await asyncio.create_subprocess_exec(*argv, stdout=quiet) for _ in range(2)]
    assert [await child.wait() for child in both] == [0, 0]
    await house.store()
    assert await log_end(house.kafka, "readings") == before + 20
    assert await house.one(NET) == (20, 0, 0)


async def test_codes_that_are_mapped_now_are_added_once(house: House) -> None:
    await import_city(house.pool, City(monitors=(Monitor(device="ga-1", site="r1"),)))
    for minute in (3, 2, 1):
        await house.receive_frame("ga-1", minute, f"LA-Rtd=5{minute};ga23-Rtd=0.{minute},ga23-Flag=M")
    await house.store()
    _, (line,) = await house.run("unmapped", of="devices")
    assert (line["code"], line["count"]) == ("GA23", 3)
    assert await house.run("remap", of="devices") == (0, [])
    await import_city(house.pool, City(monitors=(Monitor(device="ga-1", site="r1", vendor="ga"),)))

    before = await log_end(house.kafka, "readings")
    _, looked = await house.run("remap", "--dry-run", of="devices")
    assert await log_end(house.kafka, "readings") == before
    code, lines = await house.run("remap", "--device", "ga-1", of="devices")
    assert (code, lines) == (0, looked)
    assert [(line["device"], line["factor"], line["added"]) for line in lines] == [("ga-1", "oil_fume", 3)]
    await house.store()
    assert await house.one(
        "SELECT count(*), min(value), max(flag::text), min(received_at) AS since"
        " FROM readings WHERE factor = 'oil_fume'"
    ) == (3, 0.1, "M", NOW)
    assert await house.one("SELECT count(*) FROM readings") == (6,)
    assert await house.one(NET) == (3, 3, 0)

    assert await house.run("remap", of="devices") == (0, [])
    assert await log_end(house.kafka, "readings") == before + 3
    assert await house.run("unmapped", of="devices") == (0, [])
    assert (await house.run("remap", "--device", "nobody", of="devices"))[0] == 2
