"""HJ 212 devices against the running services: `yanchen ingest` and `yanchen writer` on real servers."""

import os
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app.embedded.ports import HOST, free_port
from app.embedded.process import wait_until
from app.embedded.stack import Stack
from app.fleet import Fleet, environment
from domain.register import City, GridCell, GridLevel, Monitor, Place
from domain.site import Protocol, SiteKind
from ingest.hj212.crc import modbus
from runtime.database import Pool, open_pool, transaction
from runtime.ledger import By, bring_up_to_date, read_ledger
from runtime.migrations import migrate
from runtime.register import import_city
from runtime.settings import Database
from simulators.data_logger import DataLogger, minutes

MINUTE = timedelta(minutes=1)
LIMIT_S = 60
CELL = GridCell(code="320602", name="区", level=GridLevel.DISTRICT)
PLACE = Place(
    site="c1",
    name="江湾二期",
    kind=SiteKind.CONSTRUCTION,
    area="320602",
    grid_code="320602",
    lon=120.8,
    lat=32.0,
)


MONITORS = tuple(
    Monitor(device=device, site="c1", protocol=Protocol.HJ212, password="123456")
    for device in ("YC-GAP", "YC-HOLE", "YC-CRC")
)


def logger(device: str, **more: object) -> DataLogger:
    return DataLogger(device=device, password="123456", kind=SiteKind.CONSTRUCTION, **more)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    migrate(database_url)
    async with open_pool(Database(url=database_url)) as pool:
        await import_city(pool, City(cells=(CELL,), places=(PLACE,), monitors=MONITORS))
        yield pool


@pytest.fixture
async def fleet(stack: Stack, pool: Pool, database_url: str, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Ingest and writer; rounds of making up follow each other closely."""
    more = {
        "YANCHEN_DATABASE__URL": database_url,
        "YANCHEN_MQTT__CLIENT_ID": f"hj212-services-{uuid.uuid4().hex[:8]}",
        "YANCHEN_INGEST__MAKE_UP_EVERY": "PT0.2S",
    }
    env = environment(stack.endpoints, hj212_port=free_port(), web_port=free_port(), more=more)
    async with Fleet({**os.environ, **env}, tmp_path, ("ingest", "writer")) as fleet:
        yield fleet


def port(fleet: Fleet) -> int:
    return int(fleet.env["YANCHEN_INGEST__HJ212_PORT"])


async def rows(pool: Pool, query: str) -> list[dict[str, Any]]:
    async with transaction(pool) as connection:
        return list(await (await connection.execute(query)).fetchall())  # type: ignore[arg-type]


async def test_a_gap_is_asked_for_sent_again_and_closed(fleet: Fleet, pool: Pool) -> None:
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2)
    times = list(minutes(start, 30))
    lost = times[10:20]
    memory = {at: {"noise": 50 + number / 2, "pm10": 80.0} for number, at in enumerate(times)}
    device = logger("YC-GAP", memory=memory)
    await device.connect(HOST, port(fleet))
    kept = [at for at in times if at not in lost]
    assert await device.report(kept) == kept

    async def closed() -> bool:
        await bring_up_to_date(pool)
        lines = await read_ledger(pool, start, datetime.now(UTC), by=By.DEVICE, device="YC-GAP")
        return [(line.stored, line.missing) for line in lines] == [(30, 0)]

    assert await wait_until(closed, LIMIT_S)
    nearly = MINUTE - timedelta(seconds=1)
    assert device.asked == [(lost[0] - nearly, lost[-1] + nearly)]
    stored = await rows(
        pool,
        "SELECT factor, value FROM readings JOIN devices USING (point_id)"
        " WHERE device = 'YC-GAP' AND factor = 'noise' ORDER BY at",
    )
    assert [row["value"] for row in stored] == [memory[at]["noise"] for at in times]
    await device.hang_up()


async def test_a_restart_of_ingest_does_not_begin_to_ask_anew(fleet: Fleet, pool: Pool) -> None:
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2)
    times = [start, start + 10 * MINUTE, start + 20 * MINUTE]
    device = logger("YC-HOLE", memory={at: {"noise": 50.0} for at in times})  # and nothing in between
    await device.connect(HOST, port(fleet))
    assert await device.report(times[1:]) == times[1:]

    async def counted(*attempts: int) -> bool:
        query = "SELECT times FROM make_up_asked WHERE device = 'YC-HOLE' ORDER BY start_at DESC"
        return [row["times"] for row in await rows(pool, query)] == list(attempts)

    assert await wait_until(lambda: counted(1), LIMIT_S)
    await fleet.kill("ingest")

    async def back() -> bool:
        try:
            await device.connect(HOST, port(fleet))
        except OSError:
            return False
        return await device.report(times[:1], answer_s=2) == times[:1]

    assert await wait_until(back, LIMIT_S)
    # Of one device the newest gap is asked for first: whoever asks for the older one has passed the newer by.
    assert await wait_until(lambda: counted(1, 1), LIMIT_S)
    assert [begin for begin, _ in device.asked] == [at + timedelta(seconds=1) for at in (times[1], times[0])]
    await device.hang_up()


async def test_a_devices_checksum_rules_hold_without_a_restart(fleet: Fleet, pool: Pool) -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    device = logger("YC-CRC", memory={at: {"noise": 50.0}}, checksum=modbus)
    await device.connect(HOST, port(fleet))
    assert await device.report([at]), "without rules any known one will do"

    async def answered(wanted: bool) -> bool:
        return bool(await device.report([at], answer_s=1)) is wanted

    for rules, wanted in ((("standard",), False), (("standard", "modbus"), True)):
        await import_city(pool, City(monitors=(replace(MONITORS[-1], crc_rules=rules),)))
        assert await wait_until(partial(answered, wanted), LIMIT_S)

    async def told() -> bool:
        letters = await rows(
            pool, "SELECT detail FROM rejected WHERE device = 'YC-CRC' AND reason = 'bad_crc'"
        )
        kept = await rows(
            pool, "SELECT DISTINCT raw ->> 'crc_rule' AS rule FROM reports WHERE raw ? 'crc_rule'"
        )
        return bool(letters) and [row["rule"] for row in kept] == ["modbus"]

    assert await wait_until(told, LIMIT_S)
    await device.hang_up()
