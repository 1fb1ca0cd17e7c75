"""Kafka → rules → Kafka: stopped and started in the middle, the evaluations are those of the whole log."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from judged_log import newest

from alerts.store import evaluations
from app.embedded.process import wait_until
from app.embedded.stack import Stack
from domain.codec import encode
from domain.evaluation import Evaluation
from domain.register import City, GridCell, GridLevel, Monitor, Place
from domain.report import Report
from domain.site import Site, SiteKind
from domain.topics import READINGS
from rules.offline import evaluate
from rules.pack import load_packs
from rules.recall import last_judged
from rules.service import CONSUMER, run_rules
from runtime.database import Pool, open_pool, transaction
from runtime.kafka import log_end, open_producer
from runtime.migrations import migrate
from runtime.offsets import done_offsets
from runtime.register import import_city
from runtime.settings import Database, Kafka, Rules, Settings

DEVICE = f"rules-{uuid.uuid4().hex[:8]}"
START = (datetime.now(UTC) - timedelta(hours=1)).replace(second=0, microsecond=0)
CITY = City(
    cells=(GridCell(code="320600", name="临江市", level=GridLevel.CITY),),
    places=(
        Place(
            site="r", name="面馆", kind=SiteKind.RESTAURANT, area="320602", grid_code="320600", lon=0, lat=0
        ),
    ),
    monitors=(Monitor(device=DEVICE, site="r"),),
)


@pytest.fixture
async def settings(stack: Stack, database_url: str) -> Settings:
    migrate(database_url)
    return Settings(
        kafka=Kafka(bootstrap=stack.endpoints.kafka_bootstrap),
        database=Database(url=database_url),
        rules=Rules(grace=timedelta(seconds=2)),
    )


@pytest.fixture
async def pool(settings: Settings) -> AsyncIterator[Pool]:
    async with open_pool(settings.database) as pool:
        await import_city(pool, CITY)
        yield pool


def reports() -> list[Report]:
    """An hour of fumes: exceeding for 30 minutes, with a late, a doubled and a flagged report."""
    found = [
        Report(
            device=DEVICE,
            at=START + timedelta(minutes=minute),
            readings={"oil_fume": 3.0 if 10 <= minute < 40 else 0.5},
            flags={"oil_fume": "D"} if minute == 5 else {},
            received_at=START + timedelta(minutes=minute, seconds=1),
        )
        for minute in range(60)
    ]
    late = found.pop(12)
    return [*found[:30], found[20], *found[30:], late]


async def judged(settings: Settings, pool: Pool) -> None:
    """Until rules has read the log to its end."""

    async def read_to_end() -> bool:
        return await done_offsets(pool, CONSUMER, READINGS) >= await log_end(settings.kafka, READINGS)

    assert await wait_until(read_to_end, 30)


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[None]:
    task = asyncio.create_task(run_rules(settings))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def said(item: Evaluation) -> tuple[object, ...]:
    return (item.limit, item.window_start, item.verdict, item.value, item.n_valid, item.n_expected)


async def test_the_last_word_on_a_device_is_recalled_however_long_ago(pool: Pool) -> None:
    """What the engine needs to judge a silence across a restart; that it does is a test of the engine."""
    site = Site(site="r", kind=SiteKind.RESTAURANT, area="320602")
    packs = load_packs([])
    log = [fume(START - timedelta(days=9) + timedelta(minutes=minute)) for minute in range(35)]
    stored = evaluate(log, {DEVICE: site}, [], packs)
    async with transaction(pool) as connection:
        await evaluations.write(connection, stored)
    assert await last_judged(pool, packs, START) == [stored[-1]]
    assert await last_judged(pool, packs, stored[-1].window_start) == [stored[-2]]
    assert await last_judged(pool, packs, START + timedelta(days=60)) == []
    async with transaction(pool) as connection:
        await connection.execute("TRUNCATE evaluations")


def fume(at: datetime) -> Report:
    return Report(device=DEVICE, at=at, readings={"oil_fume": 0.5}, received_at=at)


async def test_a_restart_in_the_middle_gives_the_evaluations_of_the_whole_log(
    settings: Settings, pool: Pool, tmp_path: Path
) -> None:
    log = reports()
    async with open_producer(settings.kafka) as producer:
        for part in (log[:25], log[25:45], log[45:]):
            await producer.publish(READINGS, [(report.device, encode(report)) for report in part])
            async with running(settings):
                await judged(settings, pool)
    site = Site(site="r", kind=SiteKind.RESTAURANT, area="320602")
    whole = {said(item) for item in evaluate(log, {DEVICE: site}, [], load_packs([]))}
    online = {said(item) for item in (await newest(settings.kafka, {DEVICE})).values()}
    # The last window, and one whose grace has not passed, may still be open; every closed one says
    # what the whole log says.
    assert online <= whole
    assert len(whole - online) <= 2
    assert sum(verdict == "exceed" for _, _, verdict, *_ in online) >= 2
