"""Commands to devices: a made-up device on a real socket answers, or does not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from domain.site import Device, Protocol, Site, SiteKind
from ingest.admission import Admitted
from ingest.commands import Patience
from ingest.gateway import Gateway
from ingest.hj212.answer import enclose
from ingest.hj212.command import Ending, Reply, set_interval
from ingest.hj212.message import Message, parse

NOW = datetime(2026, 1, 1, 5, tzinfo=UTC)  # 13:00 in China
SITE = Site(site="gd-1", kind=SiteKind.CONSTRUCTION, area="320602")
REGISTER = {"YC-1": Device(device="YC-1", point_id=1, site=SITE, protocol=Protocol.HJ212, password="pw")}
QUICK = Patience(answer=timedelta(milliseconds=50), result=timedelta(milliseconds=100))
PATIENT = Patience()
HOUR = (NOW - timedelta(hours=1), NOW)


class FakeDevice:
    """A device's end of the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, head: str, parameters: str = "") -> None:
        self.writer.write(enclose(f"{head};PW=pw;MN=YC-1;CP=&&{parameters}&&".encode()))

    async def hears(self) -> Message:
        return parse((await self.reader.readline())[6:-6])

    async def introduce(self, qn: str = "20260101130000000") -> None:
        self.say(f"QN={qn};ST=39;CN=2011;Flag=5", "DataTime=20260101130000;LA-Rtd=50")
        assert (await self.hears()).command == "9014"


@asynccontextmanager
async def connected(patience: Patience) -> AsyncIterator[tuple[Gateway, FakeDevice, list[Admitted]]]:
    log: list[Admitted] = []

    async def publish(admitted: Admitted) -> None:
        log.append(admitted)

    async with Gateway(publish, lambda: REGISTER, clock=lambda: NOW, patience=patience) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        yield gateway, FakeDevice(reader, writer), log
        writer.close()


async def known(gateway: Gateway, device: FakeDevice) -> None:
    """The device has spoken; a second round trip shows that the first is dealt with."""
    await device.introduce()
    await device.introduce()
    assert gateway.commands.devices == {"YC-1"}


async def test_a_make_up_comes_in_as_ordinary_reports():
    async with connected(PATIENT) as (gateway, device, log):
        await known(gateway, device)
        asked = asyncio.create_task(gateway.ask_make_up("YC-1", *HOUR))
        request = await device.hears()
        assert (request.command, request.fields["ST"], request.fields["PW"], request.flag) == (
            "2051",
            "39",
            "pw",
            5,
        )
        assert request.names == ("BeginTime", "EndTime")
        assert request.texts == ("20260101120000", "20260101130000")
        device.say(f"QN={request.qn};ST=91;CN=9011;Flag=4", "QnRtn=1")
        for minute in (10, 11):
            device.say(
                f"QN={request.qn};ST=39;CN=2051;Flag=5", f"DataTime=2026010112{minute}00;LA-Avg={minute + 50}"
            )
            assert (await device.hears()).command == "9014"
        device.say(f"QN={request.qn};ST=91;CN=9012;Flag=4", "ExeRtn=1")
        assert await asked == Reply(Ending.DONE, "done", 2)
        reports = [report for admitted in log for report in admitted.reports]
        assert [report.readings["noise"] for report in reports[2:]] == [60, 61]
        assert not any(admitted.rejected for admitted in log), "answers to commands are no dead letters"


@pytest.mark.parametrize(
    ("answers", "ending"),
    [
        ([("9011", "QnRtn=2")], Ending.REFUSED),
        ([("9011", "QnRtn=1"), ("9012", "ExeRtn=100")], Ending.NO_DATA),
        ([("9011", "QnRtn=1"), ("9012", "ExeRtn=5")], Ending.FAILED),
        ([("9012", "ExeRtn=1")], Ending.DONE),
    ],
)
async def test_how_a_request_ends(answers: list[tuple[str, str]], ending: Ending):
    async with connected(PATIENT) as (gateway, device, _):
        await known(gateway, device)
        asked = asyncio.create_task(gateway.commands.ask("YC-1", set_interval(timedelta(seconds=60))))
        request = await device.hears()
        device.say("QN=777;ST=91;CN=9011;Flag=4", "QnRtn=2")  # of another request: not heeded
        for command, parameters in answers:
            device.say(f"QN={request.qn};ST=91;CN={command};Flag=4", parameters)
        assert (await asked).ending is ending


async def test_a_silent_device_is_asked_four_times():
    async with connected(QUICK) as (gateway, device, _):
        await known(gateway, device)
        asked = asyncio.create_task(gateway.ask_make_up("YC-1", *HOUR))
        requests = [await device.hears() for _ in range(4)]
        assert len({request.qn for request in requests}) == 1, "a resend keeps its QN"
        ended = await asked
        assert (ended.ending, ended.sentence) == (Ending.SILENT, "no 9011, sent 4 times")
        asked = asyncio.create_task(gateway.ask_make_up("YC-1", *HOUR))
        request = await device.hears()
        assert request.qn != requests[0].qn
        device.say(f"QN={request.qn};ST=91;CN=9011;Flag=4", "QnRtn=1")
        assert (await asked).sentence.startswith("no 9012")


async def test_one_request_at_a_time():
    async with connected(PATIENT) as (gateway, device, _):
        await known(gateway, device)
        first = asyncio.create_task(gateway.ask_make_up("YC-1", *HOUR))
        second = asyncio.create_task(gateway.commands.ask("YC-1", set_interval(timedelta(seconds=30))))
        for command, task in (("2051", first), ("1062", second)):
            request = await device.hears()
            assert request.command == command
            device.say(f"QN={request.qn};ST=91;CN=9012;Flag=4", "ExeRtn=1")
            assert (await task).ending is Ending.DONE


async def test_who_is_away_is_not_asked():
    async with connected(PATIENT) as (gateway, device, _):
        assert (await gateway.ask_make_up("YC-1", *HOUR)).ending is Ending.AWAY
        device.writer.write(
            enclose(b"QN=1;ST=39;CN=2011;PW=no;MN=YC-1;Flag=5;CP=&&DataTime=20260101130000&&")
        )
        await device.hears()
        device.say("QN=1;ST=91;CN=9012;Flag=4", "ExeRtn=1")
        device.writer.write(enclose(b"QN=1;CN=9015;PW=no;MN=YC-1;Flag=9;CP=&&&&"))
        assert (await device.hears()).command == "9013"
        assert not gateway.commands.devices, "neither a wrong PW nor an answer introduces a device"


async def test_a_connection_that_ends_ends_its_requests():
    async with connected(PATIENT) as (gateway, device, _):
        await known(gateway, device)
        asked = asyncio.create_task(gateway.ask_make_up("YC-1", *HOUR))
        await device.hears()
        device.writer.close()
        assert (await asked).ending is Ending.AWAY
        assert not gateway.commands.devices


async def test_stopping_ends_requests():
    async with connected(PATIENT) as (gateway, device, _):
        await known(gateway, device)
        asked = asyncio.create_task(gateway.ask_make_up("YC-1", *HOUR))
        await device.hears()
        await gateway.stop()
        assert (await asked).ending is Ending.AWAY


async def asks_for_the_time(device: FakeDevice) -> None:
    device.say("QN=20260101130000000;ST=39;CN=1013;Flag=5", "PolId=a34001")
    assert (await device.hears()).command == "9013"


async def has_a_slow_clock(device: FakeDevice) -> None:
    await device.introduce("20260101125800000")


@pytest.mark.parametrize(
    ("does", "names", "patience"),
    [
        (asks_for_the_time, ("PolId", "SystemTime"), PATIENT),
        (has_a_slow_clock, ("SystemTime",), Patience(clock_off=timedelta(minutes=1))),
    ],
)
async def test_a_clock_is_set(
    does: Callable[[FakeDevice], Awaitable[None]], names: tuple[str, ...], patience: Patience
):
    async with connected(patience) as (_, device, _):
        await does(device)
        request = await device.hears()
        assert (request.command, request.names) == ("1012", names)
        assert request.texts[-1] == "20260101130000"
        device.say(f"QN={request.qn};ST=91;CN=9012;Flag=4", "ExeRtn=1")
        if does is has_a_slow_clock:
            await device.introduce("20260101125800000")
            await device.introduce("20260101125800000")  # and its clock is not set again so soon
