"""The gateway on real sockets of this machine; only Kafka is a list."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from domain.errors import Reason, Unavailable
from domain.site import Device, Protocol, Site, SiteKind
from ingest.admission import Admitted
from ingest.gateway import Gateway
from ingest.hj212.answer import enclose
from ingest.limits import Limits

NOW = datetime(2026, 1, 1, 5, tzinfo=UTC)  # 13:00 in China
SITE = Site(site="gd-1", kind=SiteKind.CONSTRUCTION, area="320602")
REGISTER = {"YC-1": Device(device="YC-1", point_id=1, site=SITE, protocol=Protocol.HJ212)}


def frame(number: int = 1, device: str = "YC-1", body: str = "LA-Rtd=50") -> bytes:
    head = f"QN={number};ST=39;CN=2011;PW=1;MN={device};Flag=5"
    return enclose(f"{head};CP=&&DataTime=2026010112{number % 60:02d}00;{body}&&".encode())


def ack(number: int = 1, device: str = "YC-1") -> bytes:
    return enclose(f"QN={number};ST=91;CN=9014;PW=1;MN={device};Flag=4;CP=&&&&".encode())


class Log:
    """What Kafka would have; can be shut, so that nothing is acknowledged."""

    def __init__(self) -> None:
        self.admitted: list[Admitted] = []
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()
        self.away = False

    async def publish(self, admitted: Admitted) -> None:
        self.asked.set()
        await self.open.wait()
        if self.away:
            raise Unavailable("no broker")
        self.admitted.append(admitted)

    @property
    def noise(self) -> list[float]:
        return [report.readings["noise"] for admitted in self.admitted for report in admitted.reports]

    @property
    def reasons(self) -> list[Reason]:
        return [letter.reason for admitted in self.admitted for letter in admitted.rejected]


@asynccontextmanager
async def running(log: Log, **limits: object) -> AsyncIterator[Gateway]:
    settings = Limits(**limits)
    async with Gateway(log.publish, lambda: REGISTER, limits=settings, clock=lambda: NOW) as gateway:
        yield gateway


@asynccontextmanager
async def device(
    gateway: Gateway, address: str = "127.0.0.1"
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, local_addr=(address, 0))
    try:
        yield reader, writer
    finally:
        writer.close()


async def closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


async def test_a_device_hears_its_answer_when_kafka_has_the_report():
    log = Log()
    async with running(log) as gateway, device(gateway) as (reader, writer):
        log.open.clear()
        writer.write(frame())
        await log.asked.wait()
        waiting = asyncio.create_task(reader.readexactly(len(ack())))
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done, "no answer before Kafka has it"
        log.open.set()
        assert await waiting == ack()
        assert log.noise == [50]


async def test_sticky_and_half_packets():
    log = Log()
    async with running(log) as gateway, device(gateway) as (reader, writer):
        stream = b"".join(frame(number) for number in range(1, 20))
        for start in range(0, len(stream), 37):
            writer.write(stream[start : start + 37])
            await writer.drain()
        for number in range(1, 20):
            assert await reader.readline() == ack(number)
        assert len(log.noise) == 19


async def test_an_unknown_device_is_answered_when_its_dead_letter_is_safe():
    log = Log()
    async with running(log) as gateway, device(gateway) as (reader, writer):
        writer.write(frame(device="stranger"))
        assert await reader.readline() == ack(device="stranger")
        assert log.reasons == [Reason.UNKNOWN_DEVICE]


async def test_a_bad_checksum_gets_no_answer_and_the_next_frame_does():
    log = Log()
    async with running(log) as gateway, device(gateway) as (reader, writer):
        writer.write(frame(1)[:-6] + b"0000\r\n" + frame(2))
        assert await reader.readline() == ack(2)
        assert log.reasons == [Reason.BAD_CRC]


async def test_what_cannot_be_stored_is_not_answered():
    log = Log()
    log.away = True
    with capture_logs() as logs:
        async with running(log) as gateway, device(gateway) as (reader, writer):
            writer.write(frame())
            assert await closed(reader)
    assert any("not stored" in line.get("reason", "") for line in logs)


async def test_ten_megabytes_of_rubbish_are_one_dead_letter_and_a_closed_connection():
    log = Log()
    with capture_logs() as logs:
        async with running(log) as gateway, device(gateway) as (reader, writer):
            try:
                for _ in range(160):
                    writer.write(b"\x16\x03rubbish\r\n" * 6_000)
                    await writer.drain()
            except ConnectionError:
                pass  # the gateway had enough: that is the point
            assert await closed(reader)
            async with device(gateway) as (other, speaker):
                speaker.write(frame())
                assert await other.readline() == ack(), "others are served"
    assert log.reasons == [Reason.NO_FRAME]
    letter = next(one for admitted in log.admitted for one in admitted.rejected)
    assert len(letter.payload) == 4096
    assert letter.origin.startswith("tcp://127.0.0.1:")
    assert any("without a good frame" in line.get("reason", "") for line in logs)


async def test_a_frame_cut_by_the_end_of_the_connection_is_recorded():
    log = Log()
    async with running(log) as gateway:
        async with device(gateway) as (reader, writer):
            writer.write(frame()[:50])
            writer.write_eof()
            assert await closed(reader)
        assert log.reasons == [Reason.INCOMPLETE]


async def test_silence_closes_a_connection():
    with capture_logs() as logs:
        async with running(Log(), idle=timedelta(milliseconds=50)) as gateway, device(gateway) as (reader, _):
            assert await closed(reader)
    assert any("silent for" in line.get("reason", "") for line in logs)


@pytest.mark.parametrize("limits", [{"connections": 1}, {"connections_per_peer": 1}])
async def test_too_many_connections_are_refused(limits: dict[str, int]):
    log = Log()
    async with running(log, **limits) as gateway, device(gateway) as (first, writer):
        writer.write(frame(1))
        assert await first.readline() == ack(1)
        async with device(gateway) as (second, _):
            assert await closed(second)
        writer.write(frame(2))
        assert await first.readline() == ack(2)


async def test_an_address_may_not_connect_again_and_again():
    log = Log()
    async with running(log, connections_per_peer=2, connects_per_peer=1e-6) as gateway:
        for number in (1, 2):
            async with device(gateway) as (reader, writer):
                writer.write(frame(number))
                assert await reader.readline() == ack(number)
        async with device(gateway) as (reader, _):
            assert await closed(reader)
        async with device(gateway, "127.0.0.2") as (reader, writer):
            writer.write(frame(3))
            assert await reader.readline() == ack(3), "other addresses may"


async def test_an_address_that_sends_too_much_waits_and_others_do_not():
    log = Log()
    burst = 1.5 * len(frame())
    async with (
        running(log, bytes_per_peer=1e-3, burst_per_peer=burst) as gateway,
        device(gateway) as (reader, writer),
        device(gateway, "127.0.0.2") as (other, speaker),
    ):
        for number in (1, 2):
            writer.write(frame(number))
            assert await reader.readline() == ack(number)
        writer.write(frame(3))
        waiting = asyncio.create_task(reader.readline())
        speaker.write(frame(4))
        assert await other.readline() == ack(4)
        assert not waiting.done(), "its bucket is in debt"
        waiting.cancel()


async def flood(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    for _ in range(100_000_000 // len(chunk)):
        writer.write(chunk)
        async with asyncio.timeout(0.5):
            await writer.drain()


async def test_a_device_is_not_read_further_while_its_report_waits():
    log = Log()
    async with running(log) as gateway, device(gateway) as (reader, writer):
        log.open.clear()
        writer.write(frame(1))
        await log.asked.wait()
        with pytest.raises(TimeoutError):
            await flood(writer, frame(2) * 1_000)
        log.open.set()
        assert await reader.readline() == ack(1)


async def test_stopping_answers_what_is_on_its_way():
    log = Log()
    gateway = Gateway(log.publish, lambda: REGISTER, clock=lambda: NOW)
    await gateway.start()
    async with device(gateway) as (reader, writer), device(gateway) as (idle, _):
        log.open.clear()
        writer.write(frame())
        await log.asked.wait()
        stopping = asyncio.create_task(gateway.stop())
        assert await closed(idle)
        log.open.set()
        assert await reader.read() == ack()
        await stopping
    assert log.noise == [50]
    assert gateway.connections == 0


async def test_stopping_does_not_wait_for_ever():
    log = Log()
    gateway = Gateway(log.publish, lambda: REGISTER, clock=lambda: NOW)
    await gateway.start()
    async with device(gateway) as (reader, writer):
        log.open.clear()
        writer.write(frame())
        await log.asked.wait()
        await gateway.stop(drain=timedelta(milliseconds=50))
        assert await closed(reader)
    assert log.noise == []


async def test_many_devices_at_once():
    log = Log()

    async def report(gateway: Gateway, number: int) -> bytes:
        async with device(gateway) as (reader, writer):
            writer.write(frame(number))
            return await reader.readline()

    async with running(log, in_flight=4) as gateway:
        answers = await asyncio.gather(*(report(gateway, number) for number in range(1, 101)))
    assert answers == [ack(number) for number in range(1, 101)]
    assert len(log.noise) == 100
