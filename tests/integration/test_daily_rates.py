"""Daily rates on a real database, against figures counted by hand, around local midnight."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta

import pytest
from typer.testing import CliRunner

from alerts.store import evaluations
from app.cli import cli
from domain import health
from domain.codec import encode
from domain.evaluation import Evaluation, Verdict
from domain.instant import CHINA
from domain.register import City, GridCell, GridLevel, Monitor, Place
from domain.report import Report
from domain.site import SiteKind
from domain.topics import READINGS
from ingest.writer import write
from rules.daily_rates import By, Rates, read_rates
from rules.device_days import bring_up_to_date
from rules.health_pack import load_health
from runtime.database import Pool, open_pool, transaction
from runtime.kafka import Record
from runtime.migrations import migrate
from runtime.register import Register, import_city
from runtime.settings import Database

DAY = date(2026, 11, 21)
MIDNIGHT = datetime(2026, 11, 21, tzinfo=CHINA)
AFTER = MIDNIGHT + timedelta(days=2)
MINUTE = timedelta(minutes=1)
PACK = load_health()


def place(site: str, kind: SiteKind, cell: str) -> Place:
    return Place(site=site, name=f"店 {site}", kind=kind, area="320602", grid_code=cell, lon=0, lat=0)


CITY = City(
    cells=(
        GridCell(code="320600", name="临江市", level=GridLevel.CITY),
        GridCell(code="320602", name="江东区", level=GridLevel.DISTRICT, parent="320600"),
        GridCell(code="320602001001", name="一网格", level=GridLevel.GRID, parent="320602"),
        GridCell(code="320602001002", name="二网格", level=GridLevel.GRID, parent="320602"),
    ),
    places=(
        place("r", SiteKind.RESTAURANT, "320602001001"),
        place("s", SiteKind.RESTAURANT, "320602001001"),
        place("w", SiteKind.CONSTRUCTION, "320602001002"),
    ),
    monitors=(
        Monitor(device="r1", site="r"),
        Monitor(device="r2", site="r"),
        Monitor(device="s1", site="s"),
        Monitor(device="w1", site="w", interval_s=3600),
    ),
)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    migrate(database_url)
    async with open_pool(Database(url=database_url)) as pool:
        await import_city(pool, CITY)
        async with transaction(pool) as connection:
            await connection.execute(
                "TRUNCATE readings, reports, ledger, evaluations, device_days, stream_offsets"
            )
        offsets.clear()
        yield pool


offsets: list[int] = []


async def store(pool: Pool, reports: list[Report]) -> None:
    register = Register(pool)
    await register.refresh()
    records = [Record(0, len(offsets) + n, encode(one), 0) for n, one in enumerate(reports)]
    offsets.extend(range(len(records)))
    await write(pool, register, READINGS, {0: records})


def kitchen(device: str, at: datetime, fan: int, purifier: int) -> Report:
    readings = {"oil_fume": 0.5, "fan_on": float(fan), "purifier_on": float(purifier)}
    return Report(device=device, at=at, readings=readings, received_at=at)


def judged(device: str, at: datetime, verdict: Verdict, standard: str = "GB 18483-2001") -> Evaluation:
    of_device = standard == health.STANDARD
    return Evaluation(
        device=device,
        standard=standard,
        limit="oil_fume",
        factor=health.FACTOR if of_device else "oil_fume",
        window_start=at,
        window_end=at + 10 * MINUTE,
        statistic="mean",
        value=1.0,
        limit_value=2.0,
        unit="mg/m³",
        verdict=verdict,
        n_valid=10,
        n_expected=10,
        adjustments=(),
        clause="",
        revision=1,
        final=True,
    )


async def fill(pool: Pool) -> None:
    """r1 cooks over both midnights and at noon; w1 reports each hour; r2 speaks the day after; s1 never."""
    noon = MIDNIGHT + timedelta(hours=12)
    before, last = MIDNIGHT - 2 * MINUTE, MIDNIGHT + timedelta(days=1) - 2 * MINUTE
    reports = [
        # starts at 23:59 the day before; runs at 00:00 and 00:01 with the purifier
        *(kitchen("r1", before + n * MINUTE, n > 0, 1) for n in range(4)),
        # stands at 12:00, runs 12:01 to 12:10, the purifier from 12:04 on: linked, 7 of 10 minutes
        *(kitchen("r1", noon + n * MINUTE, n > 0, n > 3) for n in range(11)),
        # starts at 23:59 and the purifier never follows
        *(kitchen("r1", last + n * MINUTE, n > 0, 0) for n in range(9)),
        kitchen("r2", MIDNIGHT + timedelta(days=1), 0, 0),
    ]
    reports += [
        Report(device="w1", at=MIDNIGHT + n * timedelta(hours=1), readings={"tsp": 90.0}, received_at=AFTER)
        for n in range(18)
    ]
    await store(pool, reports)
    next_day = MIDNIGHT + timedelta(days=1)
    ends = (MIDNIGHT - 10 * MINUTE, MIDNIGHT, next_day - 10 * MINUTE, next_day)
    verdicts = (Verdict.EXCEED, Verdict.EXCEED, Verdict.PASS, Verdict.EXCEED)
    found = [judged("r1", at, verdict) for at, verdict in zip(ends, verdicts, strict=True)]
    found += [judged("r1", noon, Verdict.INVALID), judged("r1", noon, Verdict.EXCEED, health.STANDARD)]
    found.append(judged("r1", noon + 10 * MINUTE, Verdict.PASS))
    async with transaction(pool) as connection:
        await evaluations.write(connection, found)
        await connection.execute("UPDATE evaluations SET stored_at = %s", (MIDNIGHT + timedelta(hours=30),))


async def lines(pool: Pool, by: By) -> dict[str, Rates]:
    return {line.id: line for line in await read_rates(pool, DAY, by)}


async def test_the_rates_of_a_day_are_those_counted_by_hand(pool: Pool) -> None:
    await fill(pool)
    assert await bring_up_to_date(pool, DAY, PACK, AFTER) == 4

    by_device = await lines(pool, By.DEVICE)
    assert by_device["r1"] == Rates(
        day=DAY,
        id="r1",
        name="店 r",
        devices=1,
        online_rate=1.0,
        complete_rate=round(11 / 540, 4),  # of the reports due from 10:00 to 14:00 and 16:30 to 21:30
        exceed_rate=round(1 / 3, 4),
        purifier_rate=round(9 / 13, 4),  # 2 of 2 after midnight, 7 of 10 at noon, 0 of 1 before midnight
        linkage_rate=0.5,  # noon yes, 23:59 no; the start of the day before is not of this day
        expected=540,
        reported=11,
        windows=3,
        exceeding=1,
        fan_minutes=13,
        fan_starts=2,
    )
    assert (by_device["r2"].online_rate, by_device["r2"].exceed_rate) == (0.0, None)
    assert (by_device["w1"].complete_rate, by_device["w1"].purifier_rate) == (0.75, None)

    by_site = await lines(pool, By.SITE)
    assert (by_site["r"].devices, by_site["r"].online_rate) == (2, 0.5)
    assert by_site["r"].complete_rate == round(11 / 1080, 4)
    by_grid = await lines(pool, By.GRID)
    assert [(one.id, one.name) for one in by_grid.values()] == [
        ("320602001001", "一网格"),
        ("320602001002", "二网格"),
    ]
    assert by_grid["320602001001"].online_rate == round(1 / 3, 4)
    (district,) = (await lines(pool, By.DISTRICT)).values()
    assert (district.name, district.devices, district.online_rate) == ("江东区", 4, 0.5)
    assert district.complete_rate == round((11 + 18) / (3 * 540 + 24), 4)


async def test_late_data_change_the_day_they_belong_to(pool: Pool) -> None:
    await fill(pool)
    await bring_up_to_date(pool, DAY, PACK, AFTER)
    assert await bring_up_to_date(pool, DAY, PACK, AFTER) == 0

    await store(pool, [kitchen("s1", MIDNIGHT + timedelta(hours=11), 1, 1)])
    assert await bring_up_to_date(pool, DAY, PACK, AFTER) == 1
    assert (await lines(pool, By.SITE))["s"].online_rate == 1.0

    async with transaction(pool) as connection:
        await evaluations.write(connection, [judged("w1", MIDNIGHT, Verdict.EXCEED)])
        later = AFTER + timedelta(hours=1)
        await connection.execute("UPDATE evaluations SET stored_at = %s WHERE device = 'w1'", (later,))
    assert await bring_up_to_date(pool, DAY, PACK, AFTER) == 1
    assert (await lines(pool, By.SITE))["w"].exceed_rate == 1.0


async def test_of_today_only_what_is_due_by_now_is_expected(pool: Pool) -> None:
    await fill(pool)
    await bring_up_to_date(pool, DAY, PACK, MIDNIGHT + timedelta(hours=12))
    by_device = await lines(pool, By.DEVICE)
    assert (by_device["r1"].expected, by_device["w1"].expected) == (120, 12)
    assert by_device["w1"].complete_rate == 1.0
    assert await bring_up_to_date(pool, DAY + timedelta(days=9), PACK, AFTER) == 0  # it has not begun


async def test_the_command_prints_json_lines(
    pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(pool)
    monkeypatch.setenv("YANCHEN_DATABASE__URL", database_url)
    told = await asyncio.to_thread(CliRunner().invoke, cli, ["rates", "--day", "2026-11-21", "--by", "grid"])
    assert told.exit_code == 0, told.output
    found = [json.loads(line) for line in told.stdout.splitlines()]
    assert [line["id"] for line in found] == ["320602001001", "320602001002"]
    assert found[0]["day"] == "2026-11-21"
    assert found[0]["linkage_rate"] == 0.5
    wrong = await asyncio.to_thread(CliRunner().invoke, cli, ["rates", "--day", "21.11.2026"])
    assert wrong.exit_code == 2
