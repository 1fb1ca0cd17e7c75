"""Context series and the calendar by their commands and their address, on a real database."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.web import create_app
from domain.errors import YanchenError
from domain.instant import CHINA, iso
from domain.register import City, GridCell, GridLevel, Place
from domain.site import SiteKind
from runtime.database import Pool, open_pool, transaction
from runtime.migrations import migrate
from runtime.register import import_city
from runtime.settings import Database, Settings, Web

HOUR = timedelta(hours=1)
NOW = datetime.now(CHINA).replace(minute=0, second=0, microsecond=0)
FRESH, OLD = NOW - HOUR, NOW - 26 * HOUR
SHEET = f"""指标,行政区划代码,时间,数值,首要污染物
PM10,3206,{FRESH:%Y-%m-%d %H:%M},86,
AQI,3206,{OLD:%Y-%m-%d %H:%M},215,PM10
PM10,3206,{OLD:%Y-%m-%d %H:%M},-999,
TSP,3206,{OLD:%Y-%m-%d %H:%M},300,
"""
DAYS = f"{OLD.date()},{OLD.date()}"
CALENDAR = f"""类型,名称,行政区划代码,场所编号,开始日期,结束日期,开始时刻,结束时刻
考试,高考,3206,,{DAYS},00:00,02:00
夜间施工许可,浇筑,,w1,{DAYS},,
夜间施工许可,浇筑,,w9,{DAYS},,
"""


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    migrate(database_url)
    async with open_pool(Database(url=database_url)) as pool:
        site = Place(
            site="w1", name="工地", kind=SiteKind.CONSTRUCTION, area="320602", grid_code="3206", lon=0, lat=0
        )
        await import_city(
            pool, City(cells=(GridCell(code="3206", name="市", level=GridLevel.CITY),), places=(site,))
        )
        async with transaction(pool) as connection:
            await connection.execute("TRUNCATE context, calendar, corrections_due")
        yield pool


class Commands:
    def __init__(self, url: str) -> None:
        self.env = {"YANCHEN_DATABASE__URL": url}

    async def __call__(self, *words: str | Path) -> tuple[int, list[dict[str, Any]], str]:
        """Exit code, lines of standard output, standard error."""
        result = await asyncio.to_thread(CliRunner().invoke, cli, [*map(str, words)], env=self.env)
        if isinstance(result.exception, YanchenError):
            return 2, [], str(result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr


@pytest.fixture
def yanchen(database_url: str) -> Commands:
    return Commands(database_url)


async def due(pool: Pool) -> list[dict[str, Any]]:
    async with transaction(pool) as connection:
        rows = await connection.execute(
            "SELECT reason, site, area, series, since FROM corrections_due ORDER BY due_id"
        )
        return await rows.fetchall()


async def test_a_sheet_is_imported_once_and_its_bad_rows_are_named(
    pool: Pool, yanchen: Commands, tmp_path: Path
) -> None:
    file = tmp_path / "context.csv"
    file.write_text(SHEET, "gb18030")
    code, faults, said = await yanchen("context", "import", file, "--strict")
    assert (code, len(faults)) == (1, 2)
    assert "nothing was imported" in said
    code, faults, said = await yanchen("context", "import", file)
    assert [(fault["row"], fault["column"]) for fault in faults] == [(4, "数值"), (5, "指标")]
    assert all(fault["remedy"] for fault in faults)
    assert (code, "2 new, 0 changed, 0 as before, 2 bad" in said) == (1, True)
    assert [(row["reason"], row["area"], row["series"], row["since"]) for row in await due(pool)] == [
        ("context", "3206", "city.aqi", OLD)
    ], "what the engine can hear in time is no correction"
    _, _, said = await yanchen("context", "import", file)
    assert "0 new, 0 changed, 2 as before" in said
    assert len(await due(pool)) == 1
    _, listed, _ = await yanchen("context", "list")
    assert [(row["series"], row["at"], row["value"], row["primary"]) for row in listed] == [
        ("city.aqi", iso(OLD), 215.0, ["PM10"]),
        ("city.pm10", iso(FRESH), 86.0, None),
    ]
    _, listed, _ = await yanchen("context", "list", "--series", "city.pm10", "--last", "3h")
    assert len(listed) == 1


async def test_a_corrected_figure_replaces_the_older(pool: Pool, yanchen: Commands, tmp_path: Path) -> None:
    file = tmp_path / "context.jsonl"
    for value, wanted in ((86, "1 new, 0 changed"), (87, "0 new, 1 changed")):
        line = {"series": "city.pm10", "area": "3206", "at": iso(OLD), "value": value}
        file.write_text(json.dumps(line) + "\n")
        code, _, said = await yanchen("context", "import", file)
        assert code == 0
        assert wanted in said
    assert len(await due(pool)) == 2


async def test_the_calendar_comes_goes_and_leaves_windows_to_judge_again(
    pool: Pool, yanchen: Commands, tmp_path: Path
) -> None:
    file = tmp_path / "calendar.csv"
    file.write_text(CALENDAR)
    code, (fault,), said = await yanchen("calendar", "import", file)
    assert (code, fault["row"], fault["column"]) == (1, 4, "场所编号")
    assert "2 new" in said
    assert {(row["reason"], row["site"], row["area"]) for row in await due(pool)} == {
        ("calendar", "", "3206"),
        ("calendar", "w1", ""),
    }
    _, _, said = await yanchen("calendar", "import", file)
    assert "0 new, 0 changed, 2 as before" in said
    _, (exam, permit), _ = await yanchen("calendar", "list")
    assert (exam["kind"], permit["site"], permit["begins"]) == ("exam", "w1", "22:00")
    code, (gone,), _ = await yanchen("calendar", "remove", str(permit["entry_id"]))
    assert (code, gone["title"]) == (0, "浇筑")
    code, _, said = await yanchen("calendar", "remove", str(permit["entry_id"]))
    assert code == 2
    assert "yanchen calendar list" in said


def web(pool: Pool, url: str, token: str) -> httpx.AsyncClient:
    app = create_app(pool, Settings(database=Database(url=url), web=Web(context_token=token)))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://yanchen")


LINE = {"series": "city.pm10", "area": "3206", "at": iso(FRESH), "value": 86}


@pytest.mark.parametrize(
    ("token", "sent"),
    [("right", "Bearer wrong"), ("right", ""), ("right", "right"), ("", "Bearer "), ("right", "Bearer 错")],
)
async def test_without_the_token_nothing_is_taken(
    pool: Pool, database_url: str, token: str, sent: str
) -> None:
    async with web(pool, database_url, token) as client:
        answer = await client.post(
            "/api/context", json=[LINE], headers={b"Authorization": sent.encode()} if sent else {}
        )
    assert answer.status_code == 401
    assert "YANCHEN_WEB__CONTEXT_TOKEN" in answer.json()["detail"]


async def test_the_citys_system_posts_its_hours(pool: Pool, database_url: str) -> None:
    async with web(pool, database_url, "right") as client:
        client.headers["Authorization"] = "Bearer right"
        answer = await client.post("/api/context", json=[LINE, LINE | {"series": "city.aqi"}])
        assert (answer.status_code, answer.json()) == (
            200,
            {"new": 2, "changed": 0, "unchanged": 0, "faults": []},
        )
        answer = await client.post("/api/context", json=[LINE, LINE | {"value": -999, "area": "3205"}])
        assert answer.status_code == 422
        (fault,) = answer.json()["faults"]
        assert (fault["row"], fault["column"], answer.json()["unchanged"]) == (2, "value", 1)
        answer = await client.post("/api/context", content=SHEET.encode())
        assert (answer.json()["new"], answer.json()["unchanged"], len(answer.json()["faults"])) == (1, 1, 2)
        assert (await client.post("/api/context", content=b"nothing\n")).status_code == 422
        assert (await client.post("/api/context", content=b" " * (2 << 20))).status_code == 413
