"""Kafka → TimescaleDB: every reading once, every report accounted for, on real servers."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from app.embedded.stack import Stack
from domain.codec import encode
from domain.errors import Reason, Rejected
from domain.register import City, GridCell, GridLevel, Monitor, Place
from domain.report import RejectedMessage, Report, Scope, Source
from domain.site import SiteKind
from domain.topics import READINGS, REJECTED
from ingest.marks import Marks
from ingest.prepared import prepare
from ingest.writer import CONSUMER, TOPICS, write
from runtime.database import Pool, open_pool, transaction
from runtime.kafka import Place as LogPlace
from runtime.kafka import (
    Producer,
    Record,
    Stream,
    log_end,
    open_producer,
    open_stream,
    read_since,
    records_of,
)
from runtime.migrations import migrate
from runtime.offsets import claim, done_offsets, start_offsets
from runtime.register import Register, import_city
from runtime.settings import Database, Kafka

AT = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
CITY = City(
    cells=(GridCell(code="320600", name="临江市", level=GridLevel.CITY),),
    places=(
        Place(
            site="r1",
            name="老街面馆",
            kind=SiteKind.RESTAURANT,
            area="320602",
            grid_code="320600",
            lon=120.8,
            lat=32.0,
        ),
    ),
    monitors=(Monitor(device="d1", site="r1"), Monitor(device="d2", site="r1")),
)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    migrate(database_url)
    async with open_pool(Database(url=database_url)) as pool:
        await import_city(pool, CITY)
        async with transaction(pool) as connection:
            await connection.execute("TRUNCATE readings, reports, ledger, rejected, stream_offsets")
        yield pool


@pytest.fixture
def kafka(stack: Stack) -> Kafka:
    return Kafka(bootstrap=stack.endpoints.kafka_bootstrap)


def report(minute: int, value: float = 0.5, device: str = "d1", **readings: float) -> Report:
    return Report(
        device=device,
        at=AT + timedelta(minutes=minute),
        readings={"oil_fume": value} | readings,
        seq=minute,
        received_at=AT + timedelta(minutes=minute, seconds=2),
        source=Source.MQTT,
    )


def records(*items: Report | RejectedMessage, start: int = 0, partition: int = 0) -> dict[int, list[Record]]:
    return {
        partition: [
            Record(partition, offset, encode(item), offset) for offset, item in enumerate(items, start)
        ]
    }


async def registered(pool: Pool) -> Register:
    register = Register(pool)
    await register.refresh()
    return register


async def rows(pool: Pool, query: str) -> list[Mapping[str, object]]:
    async with transaction(pool) as connection:
        return list(await (await connection.execute(query)).fetchall())  # type: ignore[arg-type]


async def test_a_batch_is_stored_once_with_its_flags_and_first_values(pool: Pool) -> None:
    register = await registered(pool)
    flagged = Report(
        device="d2",
        at=AT,
        readings={"noise": 99.0},
        flags={"noise": "D"},
        received_at=AT,
        raw={"LA-Rtd": "99"},
    )
    batch = records(report(0, 0.5), report(0, 0.9), report(1, 0.7), flagged)
    tally = await write(pool, register, READINGS, batch)
    assert (tally.stored, tally.duplicate) == (3, 1)
    stored = await rows(pool, "SELECT factor, value, flag FROM readings ORDER BY factor DESC, at")
    assert [(row["factor"], row["value"], row["flag"]) for row in stored] == [
        ("oil_fume", 0.5, "N"),
        ("oil_fume", 0.7, "N"),
        ("noise", 99.0, "D"),
    ]
    (raw,) = await rows(pool, "SELECT raw FROM reports WHERE raw IS NOT NULL")
    assert raw["raw"] == {"LA-Rtd": "99"}


async def test_the_same_offsets_again_change_nothing(pool: Pool) -> None:
    register = await registered(pool)
    batch = records(report(0), report(1), report(1))
    await write(pool, register, READINGS, batch)
    again = await write(pool, register, READINGS, batch)
    assert (again.stored, again.duplicate) == (0, 0)
    (ledger,) = await rows(pool, "SELECT sum(stored) AS s, sum(duplicate) AS d FROM ledger")
    assert (ledger["s"], ledger["d"]) == (2, 1)


async def test_a_batch_that_overlaps_is_counted_from_where_it_is_new(pool: Pool) -> None:
    register = await registered(pool)
    await write(pool, register, READINGS, records(report(0), report(1)))
    tally = await write(pool, register, READINGS, records(report(1), report(2), start=1))
    assert (tally.stored, tally.duplicate) == (1, 0)


async def test_a_report_delivered_twice_at_other_offsets_is_a_duplicate(pool: Pool) -> None:
    register = await registered(pool)
    await write(pool, register, READINGS, records(report(0)))
    tally = await write(pool, register, READINGS, records(report(0), start=1))
    assert (tally.stored, tally.duplicate) == (0, 1)


async def test_marks_change_nothing_but_the_way(pool: Pool) -> None:
    register, marks = await registered(pool), Marks()
    first = await write(pool, register, READINGS, records(report(0), report(1), report(1)), marks)
    old_and_new = records(report(1, noise=60.0), report(0), report(-5), report(2), report(2), start=3)
    second = await write(pool, register, READINGS, old_and_new, marks)
    assert (first.stored, first.duplicate) == (2, 1)
    assert (second.stored, second.duplicate) == (2, 3)
    stored = await rows(pool, "SELECT factor, at FROM readings ORDER BY factor, at")
    assert [(row["factor"], row["at"]) for row in stored] == [
        ("noise", AT + timedelta(minutes=1)),
        *(("oil_fume", AT + timedelta(minutes=minute)) for minute in (-5, 0, 1, 2)),
    ]
    (ledger,) = await rows(pool, "SELECT sum(stored) AS s, sum(duplicate) AS d FROM ledger")
    assert (ledger["s"], ledger["d"]) == (4, 4)


async def test_another_member_wrote_meanwhile_and_the_marks_are_read_again(pool: Pool) -> None:
    register, mine, theirs = await registered(pool), Marks(), Marks()
    await write(pool, register, READINGS, records(report(0)), mine)
    await write(pool, register, READINGS, records(report(1), start=1), theirs)
    with capture_logs() as logs:
        tally = await write(pool, register, READINGS, records(report(1), report(2), start=2), mine)
    assert (tally.stored, tally.duplicate) == (1, 1)
    assert not logs


async def test_marks_that_are_wrong_cost_a_second_try_and_nothing_else(pool: Pool) -> None:
    register, marks = await registered(pool), Marks()
    await write(pool, register, READINGS, records(report(0)), marks)
    # The device has moved to another partition, where somebody else writes it.
    await write(pool, register, READINGS, records(report(1), partition=1), Marks())
    with capture_logs() as logs:
        tally = await write(pool, register, READINGS, records(report(1), report(2), start=1), marks)
    assert (tally.stored, tally.duplicate) == (1, 1)
    assert [entry["event"] for entry in logs] == ["marks_were_wrong"]
    assert await done_offsets(pool, CONSUMER, READINGS) == 4, "of both partitions"


async def test_nothing_of_a_failed_batch_stays(pool: Pool) -> None:
    register = await registered(pool)
    batch = records(report(0), report(1))
    batch[0].append(Record(0, 2, b"written by somebody else", 2))
    with pytest.raises(Rejected):
        await write(pool, register, READINGS, batch)
    assert await rows(pool, "SELECT 1 FROM readings") == []
    assert await done_offsets(pool, CONSUMER, READINGS) == 0


async def test_a_device_that_left_the_register_costs_nobody_else_a_reading(pool: Pool) -> None:
    register = await registered(pool)
    tally = await write(pool, register, READINGS, records(report(0), report(1, device="gone")))
    assert (tally.stored, tally.rejected) == (1, 1)
    (kept,) = await rows(pool, "SELECT device, reason, payload FROM rejected")
    assert (kept["device"], kept["reason"]) == ("gone", "unknown_device")


async def test_a_device_registered_meanwhile_is_found(pool: Pool) -> None:
    register = await registered(pool)
    await import_city(pool, City(monitors=(Monitor(device="d3", site="r1"),)))
    tally = await write(pool, register, READINGS, records(report(0, device="d3")))
    assert tally.stored == 1


async def test_a_batch_prepared_before_its_device_was_known_is_prepared_anew(pool: Pool) -> None:
    register = await registered(pool)
    ahead = prepare(records(report(0, device="d4")), register.devices)
    await import_city(pool, City(monitors=(Monitor(device="d4", site="r1"),)))
    await register.refresh()  # as the batch before it has it done
    tally = await write(pool, register, READINGS, ahead)
    assert (tally.stored, tally.rejected) == (1, 0)


async def test_dead_letters_keep_their_bytes_and_are_counted_by_report(pool: Pool) -> None:
    register = await registered(pool)

    def letter(scope: Scope) -> RejectedMessage:
        return RejectedMessage(
            payload=b"\x00\xff##",
            origin="tcp://127.0.0.1:1",
            received_at=AT,
            reason=Reason.BAD_CRC,
            detail="no rule\x00matches",
            device="d1",
            scope=scope,
        )

    tally = await write(pool, register, REJECTED, records(letter(Scope.REPORT), letter(Scope.READING)))
    assert tally.rejected == 1
    kept = await rows(pool, "SELECT payload, reason FROM rejected")
    assert [(bytes(row["payload"]), row["reason"]) for row in kept] == [(b"\x00\xff##", "bad_crc")] * 2  # type: ignore[arg-type]


async def test_what_kafka_acknowledged_is_read_from_where_the_effects_end(pool: Pool, kafka: Kafka) -> None:
    async def start_at(_stream: Stream, places: Iterable[LogPlace]) -> Mapping[LogPlace, int]:
        return await start_offsets(pool, CONSUMER, places)

    def reader() -> AbstractAsyncContextManager[Stream]:
        return open_stream(kafka, TOPICS, "test-writer", start_at)

    register = await registered(pool)
    async with open_producer(kafka) as producer:
        before = await log_end(kafka, READINGS)
        await _publish(producer, range(3))
        assert await log_end(kafka, READINGS) == before + 3
        async with reader() as stream:
            await _take(pool, register, stream, 3)
        await _publish(producer, range(3, 5))
        async with reader() as stream:
            await _take(pool, register, stream, 5)
    stored = await rows(pool, "SELECT count(*) AS n FROM reports")
    assert stored[0]["n"] == 5
    duplicates = await rows(pool, "SELECT sum(duplicate) AS n FROM ledger")
    assert duplicates[0]["n"] == 0
    assert len(await read_since(kafka, (READINGS, 0), 0)) >= 0


async def _publish(producer: Producer, minutes: Iterable[int]) -> None:
    await producer.publish(READINGS, [("d1", encode(report(minute))) for minute in minutes])


async def _take(pool: Pool, register: Register, stream: Stream, expected: int) -> None:
    """Write what the stream gives until the store holds so many reports, or pytest's limit ends it."""
    while (await rows(pool, "SELECT count(*) AS n FROM reports"))[0]["n"] != expected:
        for topic, batch in (await stream.take(200)).items():
            await write(pool, register, topic, batch)


async def test_a_member_that_lost_its_partition_claims_nothing(pool: Pool) -> None:
    async with transaction(pool) as connection:
        claimed = await claim(connection, "x", READINGS, records(report(0), report(1)))
        assert (len(records_of(claimed.records)), claimed.stood_at) == (2, {0: 0})
    async with transaction(pool) as zombie:
        late = await claim(zombie, "x", READINGS, records(report(0)))
        assert (late.records, late.stood_at) == ({}, {0: 2})
    assert await done_offsets(pool, "x", READINGS) == 2
