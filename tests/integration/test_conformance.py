"""The examinations on real sockets and a real broker: our own doors must pass their own tests."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from mosquitto_clients import program
from typer.testing import CliRunner

from app.cli import cli
from app.conformance.broker import broker_settings, examine_publications
from app.conformance.card import Card, Verdict
from app.conformance.expected import Expected
from app.conformance.listen import Examiner
from app.conformance.platform import examine_platform
from app.embedded.ports import HOST
from app.embedded.stack import Stack
from domain.errors import ConfigError, Unavailable
from domain.instant import CHINA
from domain.site import Device, Protocol, Site, SiteKind
from ingest.admission import Admitted
from ingest.gateway import Gateway
from ingest.hj212.answer import enclose

MN = "010000A8900016F000169DC0"
SITE = Site(site="gd-1", kind=SiteKind.CONSTRUCTION, area="320602")
REGISTER = {MN: Device(device=MN, point_id=1, site=SITE, protocol=Protocol.HJ212, password="654321")}
WRONG = {Verdict.WARN, Verdict.FAIL}


async def keep(_admitted: Admitted) -> None:
    """What Kafka would do."""


def wrong(card: Card) -> dict[str, str]:
    return {found.item: found.seen for found in card.findings() if found.verdict in WRONG}


async def test_our_own_gateway_conforms() -> None:
    async with Gateway(keep, lambda: REGISTER) as gateway:
        card = await examine_platform(HOST, gateway.port, MN, "654321", patience_s=2)
    assert {found.item: found.verdict for found in card.findings()} == dict.fromkeys(
        [found.item for found in card.findings()], Verdict.OK
    ), wrong(card)


async def test_a_platform_that_hard_codes_its_answer_is_told_so() -> None:
    """As two public servers do: one answer for everything, with the checksum of another one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            data = f"QN=20260101000000000;ST=91;CN=9014;PW=123456;MN={MN};Flag=5;CP=&&&&"
            writer.write(f"##{len(data) + 6:04d}{data}".encode() + enclose(data.encode())[-6:])
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as server:
        card = await examine_platform(HOST, server.sockets[0].getsockname()[1], MN, "123456", patience_s=1)
    assert set(wrong(card)) == {"answers_report", "answer_envelope", "answer_fields"}


async def test_nobody_listening_is_said() -> None:
    with pytest.raises(Unavailable, match="nobody listens"):
        await examine_platform(HOST, 1, MN, "123456")


async def test_a_device_on_a_real_socket_gets_its_card() -> None:
    examiner = Examiner(Expected(device=MN))
    port = await examiner.start(HOST, 0)
    reader, writer = await asyncio.open_connection(HOST, port)
    at = datetime.now(CHINA)
    head = f"QN={at:%Y%m%d%H%M%S}000;ST=39;CN=2011;PW=123456;MN={MN};Flag=5"
    frame = enclose(f"{head};CP=&&DataTime={at:%Y%m%d%H%M%S};LA-Rtd=50.1,LA-Flag=N&&".encode())
    for piece in (frame[:20], frame[20:]):
        writer.write(piece)
        await writer.drain()
    assert b"CN=9014" in await reader.readline()
    assert b"CN=1061" in await reader.readline()
    (card,) = await examiner.stop()
    writer.close()
    assert card.subject == MN
    assert set(wrong(card)) == {"get_interval", "set_time"}


async def test_a_publisher_on_the_real_broker_gets_its_card(stack: Stack) -> None:
    await stack.mqtt.set_users([("fume-001", "its-password")])
    ends = stack.endpoints
    broker = broker_settings(
        f"mqtt://{ends.mqtt_user}:{ends.mqtt_password}@{ends.mqtt_host}:{ends.mqtt_port}"
    )

    # Nobody tells when it has subscribed: some of the first reports may go unheard.
    span = timedelta(seconds=2)
    examination = asyncio.create_task(examine_publications(broker, ["fume-001"], span, Expected()))
    number = 0
    while not examination.done():
        number += 1
        report = {"at": datetime.now(UTC), "seq": number, "readings": {"oilFume": 0.8}}
        await publish(ends.mqtt_port, msgspec.json.encode(report))
    (card,) = await examination
    assert set(wrong(card)) == {"factors", "interval"}, "and many reports a second"


async def publish(port: int, payload: bytes) -> None:
    """As an integrator does."""
    words = ["-h", HOST, "-p", str(port), "-u", "fume-001", "-P", "its-password", "-q", "1"]
    words += ["-t", "yanchen/v1/fume-001/readings", "-m", payload.decode()]
    client = await asyncio.create_subprocess_exec(program("mosquitto_pub"), *words)
    assert await client.wait() == 0


@pytest.mark.parametrize(("lang", "word"), [("zh", "应答"), ("en", "answers")])
async def test_the_command_tells_lines_and_a_summary(lang: str, word: str) -> None:
    async with Gateway(keep, lambda: REGISTER) as gateway:
        words = [f"{HOST}:{gateway.port}", "--device", MN, "--password", "654321", "--lang", lang]
        command = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", "conformance", *words), stdout=PIPE, stderr=PIPE
        )
        out, summary = await command.communicate()
    assert command.returncode == 0, summary.decode()
    lines = [msgspec.json.decode(line) for line in out.splitlines()]
    assert {line["verdict"] for line in lines} == {"ok"}
    assert all(line["clause"] for line in lines)
    assert word in summary.decode()


@pytest.mark.parametrize(
    "words",
    [[], ["127.0.0.1:1", "--listen", "127.0.0.1:0"], ["--listen", "9212"], ["127.0.0.1:9212"]],
)
def test_wrong_use_is_refused(words: list[str]) -> None:
    told = CliRunner().invoke(cli, ["conformance", *words])
    assert isinstance(told.exception, ConfigError)
