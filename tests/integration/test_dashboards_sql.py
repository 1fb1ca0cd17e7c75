"""The walls' SQL against a real database: every query runs and answers what it says."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dashboards.grafana.files import texts
from dashboards.wall.sections import SECTIONS, query, read_site
from runtime.database import Connection, Pool, open_pool, transaction
from runtime.migrations import migrate
from runtime.settings import Database

CITY = Path(__file__).with_name("wall_city.sql")
_MACROS = {
    r"\$__timeFilter\(([\w.]+)\)": r"\1 BETWEEN now() - interval '24 hours' AND now()",
    r"\$__timeGroupAlias\(([\w.]+), *[^)]+\)": r"date_bin('1 hour', \1, '2000-01-01') AS time",
    r"\$\{site:sqlstring\}": "'R003'",
    r"\$\{factor:sqlstring\}": "'oil_fume'",
}
"""What Grafana's PostgreSQL source and its variables make of our macros."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pool(database_url: str) -> AsyncIterator[Pool]:
    migrate(database_url)
    async with open_pool(Database(url=database_url)) as opened:
        async with transaction(opened) as connection:
            await connection.execute(CITY.read_bytes())
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    """A connection whose changes are undone after the test."""
    async with pool.connection() as opened, opened.transaction(force_rollback=True):
        yield opened


def expanded(sql: str) -> str:
    for macro, replacement in _MACROS.items():
        sql = re.sub(macro, replacement, sql)
    assert "$__" not in sql
    assert "${" not in sql
    return sql


def grafana_queries() -> Iterator[Any]:
    for text in texts().values():
        board = json.loads(text)
        for variable in board["templating"]["list"]:
            yield pytest.param(variable["query"], "table", id=f"variable {variable['name']}")
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield pytest.param(target["rawSql"], target["format"], id=panel["title"])


@pytest.mark.parametrize(("sql", "form"), list(grafana_queries()))
async def test_a_panel_has_rows(connection: Connection, sql: str, form: str) -> None:
    rows = await (await connection.execute(expanded(sql).encode())).fetchall()
    assert rows
    assert any(value is not None for value in rows[0].values())
    assert form == "table" or "time" in rows[0]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
async def test_a_section_of_the_wall_has_something(connection: Connection, section: Any) -> None:
    assert await section.read(connection)


async def test_what_a_site_s_sign_says(connection: Connection) -> None:
    status = {row["site"]: row["state"] for row in await query(connection, "wall/status")}
    assert len(status) == 36
    assert {site: status[site] for site in ("R003", "C002", "R005", "R009", "R001")} == {
        "R003": "exceed",
        "C002": "exceed",
        "R005": "case",
        "R009": "offline",
        "R001": "ok",
    }


async def test_a_passing_window_ends_exceeding_now(connection: Connection) -> None:
    await connection.execute(
        """INSERT INTO evaluations
           SELECT gen_random_uuid(), device, standard, limit_id, factor,
                  window_end, window_end + interval '10 minutes',
                  statistic, 0.5, limit_value, unit, 'pass', 10, 10, '[]', clause, 1, false
           FROM evaluations WHERE device = 'D-R003' AND verdict = 'exceed'
           ORDER BY window_start DESC LIMIT 1"""
    )
    status = {row["site"]: row["state"] for row in await query(connection, "wall/status")}
    assert status["R003"] == "case"


async def test_a_device_that_said_goodbye_is_offline_at_once(connection: Connection) -> None:
    await connection.execute("UPDATE devices SET online = false, online_at = now() WHERE device = 'D-R001'")
    status = {row["site"]: row["state"] for row in await query(connection, "wall/status")}
    assert status["R001"] == "offline"


async def test_the_figures_of_the_top_row(connection: Connection) -> None:
    (counts,) = await query(connection, "wall/counts")
    assert (counts["reporting"], counts["devices"]) == (34, 36)
    assert (counts["open_cases"], counts["waiting_cases"]) == (4, 2)
    assert (counts["acknowledged_cases"], counts["recent_cases"]) == (3, 5)
    assert counts["exceeding_devices"] <= 2


async def test_an_empty_share_is_unknown_not_zero(connection: Connection) -> None:
    await connection.execute("DELETE FROM notices; DELETE FROM case_events; DELETE FROM cases")
    (counts,) = await query(connection, "wall/counts")
    assert (counts["recent_cases"], counts["notices"]) == (0, 0)


async def test_freshness_counts_what_was_expected(connection: Connection) -> None:
    (fresh,) = await query(connection, "wall/freshness")
    assert (fresh["expected"], fresh["received"]) == (36 * 60, 34 * 60 + 20)
    assert fresh["decided"] <= fresh["evaluations"]
    assert fresh["newest_evaluation"]


async def test_cases_show_who_acknowledged_and_wait_for_nobody_last(connection: Connection) -> None:
    cases = await query(connection, "wall/cases")
    assert [case["case_id"] for case in cases] == [101, 103, 104, 102]
    assert cases[-1]["acknowledged_by"] == "李伟"
    assert cases[0]["acknowledged_at"] is None


async def test_a_site_s_panel(connection: Connection) -> None:
    site = await read_site(connection, "R003")
    assert site
    assert [reading["factor"] for reading in site["readings"]] == ["oil_fume", "nmhc"]
    assert site["verdicts"][0]["verdict"] in {"exceed", "pass"}
    assert [case["case_id"] for case in site["cases"]] == [101]
    assert await read_site(connection, "nowhere") is None


async def test_without_outlines_there_are_none(connection: Connection) -> None:
    await connection.execute("UPDATE grid_cells SET outline = NULL")
    assert await query(connection, "wall/outlines") == []
