"""What comes after a window was final: through Kafka, the database and rules, killed in between."""

import asyncio
import contextlib
import os
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.service import run as run_alerts
from app.embedded.process import wait_until
from app.embedded.stack import Stack
from domain.calendar import CalendarEntry, CalendarKind
from domain.codec import decode_evaluation, encode
from domain.context import ContextValue
from domain.evaluation import Evaluation
from domain.instant import CHINA
from domain.register import City, GridCell, GridLevel, Monitor, Place, Squad
from domain.report import Report
from domain.site import SiteKind
from domain.topics import EVALUATIONS, READINGS
from ingest.service import run_writer_service
from runtime.calendar import store_calendar
from runtime.context import store_context
from runtime.database import Pool, open_pool, transaction
from runtime.kafka import open_producer, read_since
from runtime.migrations import migrate
from runtime.register import import_city
from runtime.settings import Database, Kafka, Settings

ROOT = Path(__file__).parents[2]
RULES = """
import sys
from rules.service import run_rules
from runtime.service import run_service
from runtime.settings import load_settings
sys.exit(run_service("rules", run_rules, load_settings()))
"""
TAG = uuid.uuid4().hex[:8]
KITCHEN, WORKS, NEW = f"kitchen-{TAG}", f"works-{TAG}", f"new-{TAG}"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOW = datetime.now(CHINA).replace(minute=0, second=0, microsecond=0)
LUNCH, YESTERDAY = NOW - 8 * HOUR, NOW - 26 * HOUR
CITY = City(
    cells=(GridCell(code="320600", name="临江市", level=GridLevel.CITY),),
    squads=(Squad(squad="s", name="中队", grid_code="320600"),),
    places=tuple(
        Place(
            site=site, name=site, kind=kind, area="320602", grid_code="320600", lon=0, lat=0, sensitive=True
        )
        for site, kind in [("kitchen", SiteKind.RESTAURANT), ("works", SiteKind.CONSTRUCTION)]
    ),
    monitors=(
        Monitor(device=KITCHEN, site="kitchen"),
        Monitor(device=NEW, site="kitchen"),
        Monitor(device=WORKS, site="works"),
    ),
)


@dataclass
class Bench:
    settings: Settings
    pool: Pool
    publish: Callable[[Sequence[Report]], Awaitable[None]]

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        async with transaction(self.pool) as connection:
            return await (await connection.execute(query, values)).fetchall()  # type: ignore[arg-type]

    async def said(self, device: str, limit: str, start: datetime) -> tuple[str, float | None, bool] | None:
        """Verdict, figure and finality as stored."""
        found = await self.rows(
            "SELECT verdict, value, final FROM evaluations"
            " WHERE device = %s AND limit_id = %s AND window_start = %s",
            device,
            limit,
            start,
        )
        return (found[0]["verdict"], found[0]["value"], found[0]["final"]) if found else None

    async def until_said(
        self, device: str, limit: str, start: datetime, *wanted: tuple[str, float | None]
    ) -> None:
        async def so() -> bool:
            found = await self.said(device, limit, start)
            return found is not None and found[2] and found[:2] in wanted

        assert await wait_until(so, 60), await self.said(device, limit, start)

    async def history(self, device: str) -> dict[tuple[str, datetime], list[Evaluation]]:
        """Limit and window → what was published of it, in order."""
        found: dict[tuple[str, datetime], list[Evaluation]] = {}
        for partition in range(self.settings.kafka.partitions):
            for record in await read_since(self.settings.kafka, (EVALUATIONS, partition), 0):
                item = decode_evaluation(record.value)
                if item.device == device:
                    found.setdefault((item.limit, item.window_start), []).append(item)
        return found


@pytest.fixture(scope="module")
async def bench(stack: Stack, database_url: str) -> AsyncIterator[Bench]:
    """The writer and alerts at work; rules is started by the tests."""
    migrate(database_url)
    settings = Settings(
        kafka=Kafka(bootstrap=stack.endpoints.kafka_bootstrap), database=Database(url=database_url)
    )
    async with open_pool(settings.database) as pool, open_producer(settings.kafka) as producer:
        await import_city(pool, CITY)

        async def publish(reports: Sequence[Report]) -> None:
            await producer.publish(READINGS, [(report.device, encode(report)) for report in reports])

        tasks = [asyncio.create_task(run(settings)) for run in (run_writer_service, run_alerts)]
        yield Bench(settings, pool, publish)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def start(bench: Bench) -> asyncio.subprocess.Process:
    surroundings = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "YANCHEN_KAFKA__BOOTSTRAP": bench.settings.kafka.bootstrap,
        "YANCHEN_DATABASE__URL": bench.settings.database.url,
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", RULES, cwd=ROOT, env=surroundings, stderr=asyncio.subprocess.DEVNULL
    )


@contextlib.asynccontextmanager
async def judging(bench: Bench) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Rules in a process of its own; a function that kills it and starts it again."""
    running = [await start(bench)]

    async def again() -> None:
        running[-1].kill()
        await running[-1].wait()
        running.append(await start(bench))

    try:
        yield again
    finally:
        running[-1].terminate()
        await running[-1].wait()


def report(device: str, factor: str, at: datetime, value: float) -> Report:
    return Report(device=device, at=at, readings={factor: value}, received_at=datetime.now(UTC))


async def judged(bench: Bench, device: str, start_at: datetime) -> None:
    """Until its corrections are done and nothing is left to do."""

    async def done() -> bool:
        corrected = await bench.rows(
            "SELECT 1 FROM corrections WHERE device = %s AND window_start = %s", device, start_at
        )
        return bool(corrected) and not await bench.rows("SELECT 1 FROM corrections_due")

    assert await wait_until(done, 60)


async def test_a_reading_seven_hours_late_makes_an_exceedance_and_another_one_withdraws_it(
    bench: Bench,
) -> None:
    async with judging(bench) as kill_and_start:
        fumes = [report(KITCHEN, "oil_fume", LUNCH + n * MINUTE, 1.9) for n in range(8)]
        await bench.publish([*fumes, report(KITCHEN, "oil_fume", NOW, 1.0)])
        await bench.until_said(KITCHEN, "oil_fume", LUNCH, ("pass", 1.9))
        await bench.publish([report(KITCHEN, "oil_fume", LUNCH + 8 * MINUTE, 4.0)])

        async def listed() -> bool:
            return bool(
                await bench.rows(
                    "SELECT 1 FROM corrections_due"
                    " UNION ALL SELECT 1 FROM corrections WHERE verdict = 'exceed'"
                )
            )

        assert await wait_until(listed, 60)
        await kill_and_start()
        await bench.until_said(KITCHEN, "oil_fume", LUNCH, ("exceed", 2.133333))
        await kill_and_start()
        (case,) = await bench.rows(
            "SELECT case_id, state FROM cases WHERE site = 'kitchen' AND nuisance <> 'device'"
        )
        assert case["state"] != "withdrawn"
        await bench.publish([report(KITCHEN, "oil_fume", LUNCH + 9 * MINUTE, 0.0)])
        await kill_and_start()
        await bench.until_said(KITCHEN, "oil_fume", LUNCH, ("pass", 1.92))
        await judged(bench, KITCHEN, LUNCH)
    (case,) = await bench.rows(
        "SELECT case_id, state FROM cases WHERE site = 'kitchen' AND nuisance <> 'device'"
    )
    assert case["state"] == "withdrawn"
    events = await bench.rows("SELECT kind FROM case_events WHERE case_id = %s", case["case_id"])
    assert "withdrawn" in {event["kind"] for event in events}
    told = await bench.rows("SELECT step FROM notices WHERE case_id = %s ORDER BY step", case["case_id"])
    assert len(told) == 2, "the squad is told of the case, and that it is withdrawn"
    history = (await bench.history(KITCHEN))["oil_fume", LUNCH]
    assert [one.verdict.value for one in history if one.final][-3:] == ["pass", "exceed", "pass"]
    once = Counter((one.revision, one.final) for one in history)
    assert set(once.values()) == {1}, "nothing is said twice"
    corrected = await bench.rows(
        "SELECT verdict_before, verdict, reasons FROM corrections WHERE device = %s AND window_start = %s"
        " ORDER BY revision DESC LIMIT 2",
        KITCHEN,
        LUNCH,
    )
    assert [(row["verdict_before"], row["verdict"]) for row in corrected] == [
        ("exceed", "pass"),
        ("pass", "exceed"),
    ]
    assert all(row["reasons"] == ["late"] for row in corrected)


async def test_the_citys_figure_a_day_late_makes_a_verdict(bench: Bench) -> None:
    async with judging(bench) as kill_and_start:
        dust = [report(WORKS, "pm10", YESTERDAY + n * MINUTE, 200.0) for n in range(60)]
        await bench.publish([*dust, report(WORKS, "pm10", NOW, 60.0)])
        await bench.until_said(WORKS, "pm10", YESTERDAY, ("indeterminate", None))
        value = ContextValue(series="city.pm10", area="3206", at=YESTERDAY, value=50.0)
        lateness = bench.settings.rules.lateness
        assert (await store_context(bench.pool, [value], lateness)).new == 1
        await kill_and_start()
        await bench.until_said(WORKS, "pm10", YESTERDAY, ("exceed", 150.0))
        await judged(bench, WORKS, YESTERDAY)
        again = await store_context(bench.pool, [value], lateness)
        assert (again.new, again.changed, again.unchanged) == (0, 0, 1)
        assert await bench.rows("SELECT 1 FROM corrections_due") == []
    history = (await bench.history(WORKS))["pm10", YESTERDAY]
    assert set(Counter((one.revision, one.final) for one in history).values()) == {1}
    assert history[-1].adjustments[0]["kind"] == "city_difference"
    assert history[-1].revision == history[-2].revision + 1


async def test_a_permit_that_comes_late_is_noted_and_changes_no_verdict(bench: Bench) -> None:
    night = (YESTERDAY - 24 * HOUR).replace(hour=23)
    async with judging(bench):
        loud = [report(WORKS, "noise", night + n * MINUTE, 60.0) for n in range(20)]
        await bench.publish([*loud, report(WORKS, "noise", NOW, 50.0)])
        await bench.until_said(WORKS, "noise_night", night, ("exceed", 60.0))
        permit = CalendarEntry(
            kind=CalendarKind.PERMIT,
            title="浇筑",
            first_day=night.date(),
            last_day=night.date(),
            begins="22:00",
            ends="06:00",
            site="works",
            document="夜施〔2026〕7号",
        )
        await store_calendar(bench.pool, [permit], bench.settings.rules.lateness)
        await judged(bench, WORKS, night)
    (row,) = await bench.rows(
        "SELECT verdict, adjustments FROM evaluations"
        " WHERE device = %s AND window_start = %s AND limit_id = 'noise_night'",
        WORKS,
        night,
    )
    assert row["verdict"] == "exceed"
    assert row["adjustments"] == [{"kind": "permit", "title": "浇筑", "document": "夜施〔2026〕7号"}]


async def test_what_lies_before_all_that_was_judged_is_judged_with_its_gaps(bench: Bench) -> None:
    """A backlog older than a new device's first reports, after a restart: nobody remembers its beginning."""
    first = NOW - 8 * HOUR
    async with judging(bench) as kill_and_start:
        await bench.publish([report(NEW, "oil_fume", first + n * MINUTE, 1.0) for n in range(10)])
        await bench.publish([report(NEW, "oil_fume", NOW, 1.0)])
        await bench.until_said(NEW, "oil_fume", first, ("pass", 1.0))
        await kill_and_start()
        old = first - HOUR
        await bench.publish([report(NEW, "oil_fume", old + n * MINUTE, 3.0) for n in range(10)])
        await bench.until_said(NEW, "oil_fume", old, ("exceed", 3.0))
        await judged(bench, NEW, old)
    verdicts = await bench.rows(
        "SELECT verdict FROM evaluations WHERE device = %s AND window_start BETWEEN %s AND %s"
        " ORDER BY window_start",
        NEW,
        old,
        first,
    )
    assert [row["verdict"] for row in verdicts] == ["exceed", *["invalid"] * 5, "pass"]
