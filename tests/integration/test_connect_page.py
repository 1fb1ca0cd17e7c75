"""The lines of docs/connect.md, run as they stand there against both doors, Kafka and the database."""

import asyncio
import os
import re
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mosquitto_clients import program

from app.embedded.ports import HOST, free_port
from app.embedded.stack import Stack
from domain.register import City, GridCell, GridLevel, Monitor, Place
from domain.site import Protocol, SiteKind
from ingest.service import run_ingest, run_writer_service
from runtime.database import Pool, open_pool, transaction
from runtime.ledger import ledger_totals
from runtime.migrations import migrate
from runtime.register import import_city
from runtime.settings import Database, Ingest, Kafka, Mqtt, Settings

PAGE = Path(__file__).resolve().parents[2] / "docs/connect.md"
MN = "010000A8900016F000169DC0"
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
    monitors=(
        Monitor(device="fume-001", site="r1"),
        Monitor(device=MN, site="r1", protocol=Protocol.HJ212, password="123456"),
    ),
)


def line_of(word: str) -> str:
    """The shell block of the page that holds this word."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if word in block]
    return block


@pytest.fixture
async def doors(stack: Stack, database_url: str) -> AsyncIterator[tuple[Settings, Pool]]:
    """Ingest and writer, as their services run them."""
    await asyncio.to_thread(migrate, database_url)
    await stack.mqtt.set_users([("fume-001", "its-password")])
    ends = stack.endpoints
    settings = Settings(
        kafka=Kafka(bootstrap=ends.kafka_bootstrap),
        database=Database(url=database_url),
        mqtt=Mqtt(
            host=ends.mqtt_host, port=ends.mqtt_port, username=ends.mqtt_user, password=ends.mqtt_password
        ),
        ingest=Ingest(hj212_host=HOST, hj212_port=free_port()),
    )
    async with open_pool(settings.database) as pool:
        await import_city(pool, CITY)
        tasks = [asyncio.create_task(run(settings)) for run in (run_ingest, run_writer_service)]
        try:
            yield settings, pool
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def shell(block: str, settings: Settings) -> str:
    """Run a block with the ports of here; until it succeeds, for the doors may still be opening."""
    block = block.replace("1883", str(settings.mqtt.port)).replace("9212", str(settings.ingest.hj212_port))
    path = f"{Path(program('mosquitto_pub')).parent}{os.pathsep}{os.environ['PATH']}"
    async with asyncio.timeout(60):
        while True:
            run = await asyncio.create_subprocess_shell(
                block, stdout=PIPE, stderr=PIPE, env={**os.environ, "PATH": path}
            )
            out, error = await run.communicate()
            if run.returncode == 0:
                return out.decode()
            assert b"refused" in error, error.decode()
            await asyncio.sleep(0.2)


async def test_both_lines_bring_a_report_into_the_database(doors: tuple[Settings, Pool]) -> None:
    settings, pool = doors
    answer = await shell(line_of("CN=2011;PW={pw}"), settings)
    assert "CN=9014" in answer
    assert MN in answer
    assert await shell(line_of("mosquitto_pub"), settings) == ""
    async with asyncio.timeout(60):
        totals = await ledger_totals(pool)
        while totals.stored < 2:
            await asyncio.sleep(0.1)
            totals = await ledger_totals(pool)
    async with transaction(pool) as connection:
        rows = await connection.execute("SELECT factor, value FROM readings ORDER BY factor, value")
        stored = [(row["factor"], row["value"]) for row in await rows.fetchall()]
    assert stored == [("nmhc", 5.6), ("oil_fume", 0.82), ("oil_fume", 0.82)]
