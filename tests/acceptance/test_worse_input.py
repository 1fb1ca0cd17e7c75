"""Bad input at both doors: each ends as a dead letter with its reason, or a closed connection; never a crash.

Named to run after the timeline, whose ledger must close without any dead letter.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from town import BAD, DUST, Town, publisher

from app.embedded.process import wait_until
from domain.topics import Channel, mqtt_topic
from simulators.hj212_frame import crc, frame

pytestmark = pytest.mark.timeout(120)


def dust(at: datetime, *, mn: str = DUST, password: str = "123456", tsp: float = 90.0) -> bytes:
    local = at.astimezone().astimezone(UTC) + timedelta(hours=8)
    body = f"DataTime={local:%Y%m%d%H%M%S};a34001-Rtd={tsp},a34001-Flag=N"
    data = f"QN={local:%Y%m%d%H%M%S}000;ST=39;CN=2011;PW={password};MN={mn};Flag=5;CP=&&{body}&&".encode()
    return frame(data, crc(data))


def fume(at: datetime, **readings: float) -> bytes:
    return json.dumps({"at": at.isoformat(), "readings": readings}).encode()


async def speak(town: Town, data: bytes) -> bytes:
    """Send bytes on a connection of their own; what the gateway answered until it was closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", town.hj212_port)
    answer = b""
    try:
        writer.write(data)
        await writer.drain()
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 30)
    except ConnectionError:
        pass  # the gateway hung up on rubbish: what is asked for
    writer.close()
    return answer


async def reasons(town: Town) -> set[tuple[str, str]]:
    rows = await town.rows("SELECT reason, scope FROM rejected")
    return {(row["reason"], row["scope"]) for row in rows}


async def test_each_ends_as_a_dead_letter_with_its_reason(town: Town) -> None:
    now = datetime.now(UTC)
    good = dust(now)
    async with publisher(town.stack.endpoints) as publish:

        async def tell(device: str, payload: bytes, channel: Channel = Channel.READINGS) -> None:
            await publish(mqtt_topic(device, channel), payload)

        await tell(BAD, b"{broken")
        await tell(BAD, b"[1, 2]")
        await tell("ghost", fume(now, oil_fume=1.0))
        await tell(BAD, fume(now + timedelta(hours=2), oil_fume=1.0))
        await tell(BAD, fume(now - timedelta(days=90), oil_fume=1.0))
        await tell(BAD, fume(now, oil_fume=9999.0))
        await tell(BAD, fume(now, oil_fume=0.5, temperature=900.0))
        await tell(BAD, good[:-6] + b"0000\r\n", Channel.HJ212)
        await tell(BAD, good, Channel.HJ212)
    assert b"9014" not in await speak(town, good[:-6] + b"0000\r\n")
    assert b"9014" not in await speak(town, good[: len(good) // 2])
    await speak(town, dust(now, mn="320602DUST00000000000099"))
    await speak(town, dust(now, password="654321"))
    await speak(town, dust(now, tsp=9_999_999.0))
    expected = {
        ("malformed_json", "report"),
        ("invalid_report", "report"),
        ("unknown_device", "report"),
        ("future", "report"),
        ("too_old", "report"),
        ("implausible", "report"),
        ("implausible", "reading"),
        ("bad_crc", "report"),
        ("incomplete", "report"),
        ("wrong_device", "report"),
        ("wrong_password", "report"),
    }

    async def all_there() -> bool:
        return await reasons(town) >= expected

    assert await wait_until(all_there, 30), expected - await reasons(town)


async def test_ten_megabytes_of_rubbish_end_one_connection_and_nothing_else(town: Town) -> None:
    ingest = town.fleet.pid("ingest")
    before = len(await town.rows("SELECT 1 FROM rejected"))
    await speak(town, b"GET / HTTP/1.1\r\n" * 620_000)
    said = (town.fleet.logs / "ingest.log").read_text("utf-8")
    assert "without a good frame" in said, "the log gives no reason for the closed connection"

    async def kept() -> bool:
        return len(await town.rows("SELECT 1 FROM rejected")) > before

    assert await wait_until(kept, 30)
    assert len(await town.rows("SELECT 1 FROM rejected")) <= before + 3, "rubbish is kept in few letters"
    assert b"9014" in await speak(town, dust(datetime.now(UTC) + timedelta(seconds=1)))
    assert town.fleet.pid("ingest") == ingest, "ingest was started again"
