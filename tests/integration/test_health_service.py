"""Kafka → rules → Kafka → alerts: faults of devices become cases, and no exceedances."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from alerts.consumer import take_in
from alerts.policy import Policy
from app.embedded.process import wait_until
from app.embedded.stack import Stack
from dashboards.wall.sections import query
from domain import health
from domain.codec import decode_evaluation, encode
from domain.evaluation import Evaluation, Verdict
from domain.register import City, GridCell, GridLevel, Monitor, Place, Squad
from domain.report import Report
from domain.site import SiteKind
from domain.topics import EVALUATIONS, READINGS
from rules.service import CONSUMER, run_rules
from runtime.database import Pool, open_pool, transaction
from runtime.kafka import log_end, open_producer, read_since
from runtime.migrations import migrate
from runtime.offsets import done_offsets
from runtime.register import import_city
from runtime.settings import Database, Kafka, Rules, Settings

RUN = uuid.uuid4().hex[:8]
COOK, DIG = f"cook-{RUN}", f"dig-{RUN}"
MINUTE = timedelta(minutes=1)
START = (datetime.now(UTC) - 2 * timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
CITY = City(
    cells=(GridCell(code="320600", name="临江市", level=GridLevel.CITY),),
    squads=(Squad(squad="q", name="中队", grid_code="320600"),),
    places=(
        Place(
            site="r", name="面馆", kind=SiteKind.RESTAURANT, area="320602", grid_code="320600", lon=0, lat=0
        ),
        Place(
            site="w", name="工地", kind=SiteKind.CONSTRUCTION, area="320602", grid_code="320600", lon=0, lat=0
        ),
    ),
    monitors=(Monitor(device=COOK, site="r"), Monitor(device=DIG, site="w")),
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


@contextlib.asynccontextmanager
async def judging(settings: Settings) -> AsyncIterator[None]:
    task = asyncio.create_task(run_rules(settings))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def log() -> list[Report]:
    """A kitchen whose purifier stands for twenty minutes, and a site; then both fall silent."""
    found = []
    for minute in range(30):
        at = START + minute * MINUTE
        cooking = {"oil_fume": 0.4 + minute / 100, "fan_on": 1.0, "purifier_on": float(minute < 10)}
        digging = {"tsp": 90.0 + minute, "noise": 55.0 + minute % 3}
        for device, readings in ((COOK, cooking), (DIG, digging)):
            found.append(
                Report(device=device, at=at, readings=readings, received_at=at + timedelta(seconds=1))
            )
    return found


async def told(settings: Settings) -> list[Evaluation]:
    """What the topic holds about the health of our devices."""
    found = []
    for partition in range(4):
        for record in await read_since(settings.kafka, (EVALUATIONS, partition), 0):
            one = decode_evaluation(record.value)
            if one.device in (COOK, DIG) and one.standard == health.STANDARD:
                found.append(one)
    return found


async def findings(settings: Settings) -> set[tuple[str, str]]:
    return {(one.device, one.limit) for one in await told(settings) if one.verdict is Verdict.EXCEED}


async def test_a_silent_device_and_a_purifier_that_stands_become_cases(
    settings: Settings, pool: Pool
) -> None:
    async with open_producer(settings.kafka) as producer:
        await producer.publish(READINGS, [(one.device, encode(one)) for one in log()])
    expected = {(COOK, "purifier_off"), (DIG, "offline_construction")}

    async def both() -> bool:
        return await findings(settings) >= expected

    async with judging(settings):
        # Nobody reports any more: that the site is silent is found because time passes.
        assert await wait_until(both, 60)
    first = await told(settings)
    stood = [one for one in first if one.limit == "purifier_off" and one.verdict is Verdict.EXCEED]
    assert {one.window_start for one in stood} == {START + 10 * MINUTE, START + 20 * MINUTE}
    silent = [one for one in first if one.device == DIG and one.verdict is Verdict.EXCEED]
    assert min(one.window_start for one in silent) == START + 90 * MINUTE

    async with transaction(pool) as connection:
        await take_in(connection, first, policy=Policy(), now=datetime.now(UTC))
    async with transaction(pool) as connection:
        cases = await (await connection.execute("SELECT site, nuisance, squad FROM cases")).fetchall()
        (counts,) = await query(connection, "wall/counts")
    assert {(case["site"], case["nuisance"], case["squad"]) for case in cases} >= {
        ("r", "device", "q"),
        ("w", "device", "q"),
    }
    assert counts["exceedances"] == 0


async def test_after_a_restart_nothing_is_told_twice(settings: Settings, pool: Pool) -> None:
    """Goes on where the test before stopped: the log is replayed, and what was told is recalled."""
    before = await told(settings)
    back = datetime.now(UTC)
    report = Report(device=COOK, at=back, readings={"oil_fume": 0.3, "fan_on": 0.0}, received_at=back)
    async with open_producer(settings.kafka) as producer:
        await producer.publish(READINGS, [(COOK, encode(report))])

    async def read_to_end() -> bool:
        return await done_offsets(pool, CONSUMER, READINGS) >= await log_end(settings.kafka, READINGS)

    async with judging(settings):
        assert await wait_until(read_to_end, 60)
    after = await told(settings)
    versions = [(one.id, one.revision, one.final) for one in after]
    assert before
    assert len(versions) == len(set(versions))
    assert {repr(one) for one in before} <= {repr(one) for one in after}
