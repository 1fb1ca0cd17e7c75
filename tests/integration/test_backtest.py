"""``yanchen backtest`` on TimescaleDB: a small city whose figures were counted by hand.

By the national limit of 2.0 mg/m³ only the old Wang's grill exceeds, for 20 minutes of the second evening. At
1.0 the first evening and the hour after midnight exceed too, and one window of the restaurant in no
squad's cell, whose other is equal to the limit and passes.
"""

import json
import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from domain.instant import CHINA
from runtime.database import transaction
from tests.alerts_city import Bench, open_bench

NIGHT = datetime(2026, 11, 1, 18, tzinfo=CHINA)
MINUTE = timedelta(minutes=1)

_FILL = """
    INSERT INTO readings (point_id, factor, at, value, flag, received_at)
    SELECT point_id, %s, at, %s, %s, at FROM devices,
           generate_series(%s::timestamptz, %s::timestamptz - interval '1 second', '1 minute') AS at
    WHERE device = %s
    ON CONFLICT (point_id, factor, at) DO UPDATE SET value = excluded.value, flag = excluded.flag
"""


async def fill(  # noqa: PLR0917 - a row reads like a table
    bench: Bench, device: str, start: datetime, minutes: int, value: float, flag: str = "N"
) -> None:
    """A reading a minute; what was there before is another one."""
    async with transaction(bench.pool) as connection:
        values = ("oil_fume", value, flag, start, start + minutes * MINUTE, device)
        await connection.execute(_FILL, values)


@pytest_asyncio.fixture(loop_scope="session")
async def bench(database_url: str) -> AsyncIterator[Bench]:
    async with open_bench(database_url) as found:
        async with transaction(found.pool) as connection:
            await connection.execute("TRUNCATE readings, context")
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def evenings(bench: Bench) -> Bench:
    hour = 60 * MINUTE
    await fill(bench, "d7", NIGHT - hour, 27 * 60, 0.5)  # until 20:00 of the second day: 162 windows
    await fill(bench, "d7", NIGHT, 30, 1.5)  # three
    await fill(bench, "d7", NIGHT + 6.5 * hour, 10, 1.5)  # 00:30, one: the same night, the same case
    await fill(bench, "d7", NIGHT + 25 * hour, 20, 2.5)  # two, by any limit
    await fill(bench, "d8", NIGHT, 20, 0.9)  # at the same site
    await fill(bench, "d8", NIGHT + 12 * MINUTE, 2, 9.9, "D")
    await fill(bench, "d8", NIGHT + 15 * MINUTE, 1, 9.9, "T")  # 7 of 10 are valid: no verdict
    await fill(bench, "h1", NIGHT - 6 * hour, 10, 1.0)  # equal passes
    await fill(bench, "h1", NIGHT - 6 * hour + 10 * MINUTE, 10, 1.01)
    await fill(
        bench, "d7", NIGHT - 18 * hour - 10 * MINUTE, 10, 9.0
    )  # the days before and after are not asked for
    await fill(bench, "d7", NIGHT + 30 * hour, 10, 9.0)
    await fill(bench, "g1", NIGHT, 10, 9.0)  # a construction site has no limit of fume
    return bench


async def backtest(bench: Bench, *words: str) -> tuple[int, list[dict[str, object]], str]:
    """Exit code, lines and what was said."""
    env = {**os.environ, "YANCHEN_DATABASE__URL": bench.url}
    days = ("--from", "2026-11-01", "--to", "2026-11-02")
    argv = (sys.executable, "-m", "app.cli", "backtest", *days, *words)
    process = await create_subprocess_exec(*argv, env=env, stdout=PIPE, stderr=PIPE)
    out, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, [json.loads(line) for line in out.splitlines()], said.decode()


async def test_the_national_limit_becomes_that_of_the_programme(evenings: Bench, tmp_path) -> None:
    file = tmp_path / "difference.jsonl"
    code, lines, said = await backtest(evenings, "--set", "oil_fume.limit=1.0", "--save", str(file))
    assert (code, said) == (0, "")
    assert [json.loads(line) for line in file.read_text("utf-8").splitlines()] == lines
    *sites_and_nights, totals = lines
    assert sites_and_nights == [
        {
            "line": "site", "site": "huangye", "squad": "supervision",
            "exceedances_before": 0, "exceedances_after": 1,
            "episodes_before": 0, "episodes_after": 1,
            "notices_before": 0, "notices_after": 1,
        },
        {
            "line": "site", "site": "laowang", "squad": "chengdong",
            "exceedances_before": 2, "exceedances_after": 6,
            "episodes_before": 1, "episodes_after": 3,
            "notices_before": 1, "notices_after": 2,
        },
        night("chengdong", "2026-11-01", 0, 1),
        night("chengdong", "2026-11-02", 1, 1),
        night("supervision", "2026-11-01", 0, 1),
    ]  # fmt: skip
    assert totals.pop("seconds") > 0
    assert totals == {
        "line": "totals",
        "first": "2026-11-01",
        "last": "2026-11-02",
        "devices": 3,
        "readings": 27 * 60 + 20 + 20,
        "before": sums(exceedances=2, passes=160 + 1 + 2, sites_exceeding=1, episodes=1, notices=1),
        "after": sums(exceedances=7, passes=156 + 1 + 1, sites_exceeding=2, episodes=4, notices=3),
    }


def night(squad: str, day: str, before: int, after: int) -> dict[str, object]:
    told = {"notices_before": before, "notices_after": after}
    return {"line": "squad_night", "squad": squad, "night": day} | told


def sums(**counts: int) -> dict[str, int]:
    return {"invalid": 1, "indeterminate": 0, "most_in_a_squads_night": 1} | counts


async def test_cases_that_are_handled_at_once_are_more(evenings: Bench) -> None:
    _, lines, _ = await backtest(evenings, "--set", "oil_fume.limit=1.0", "--handled-within", "1h")
    (night,) = [
        line for line in lines if line.get("squad") == "chengdong" and line.get("night") == "2026-11-01"
    ]
    assert (night["notices_before"], night["notices_after"]) == (0, 2)  # 18:00 and 00:30


async def test_another_window_and_a_pack(evenings: Bench) -> None:
    """Half an hour from 18:00 exceeds 1.0 as one window; after midnight (1.5 + 0.5 + 0.5) / 3 does not."""
    words = ("--set", "oil_fume.limit=1.0", "--window", "30min", "--site", "laowang")
    _, lines, _ = await backtest(evenings, *words)
    assert [line["exceedances_after"] for line in lines if line["line"] == "site"] == [
        2
    ]  # 18:00, 19:00 of the 2nd
    assert lines[-1]["after"]["passes"] == 54 - 2  # d8's two windows are one, 17 of 30 minutes are not enough
    _, lines, _ = await backtest(evenings, "--packs", "city-programme", "--area", "3207")
    assert [line["site"] for line in lines if line["line"] == "site"] == ["huangye"]


async def test_the_citys_hours_count(bench: Bench) -> None:
    """PM10 of 260 less the city's 190 passes, and exceeds a limit of 60; without the city nobody knows."""
    async with transaction(bench.pool) as connection:
        await connection.execute(_FILL, ("pm10", 260.0, "N", NIGHT, NIGHT + 120 * MINUTE, "g1"))
        await connection.execute(
            "INSERT INTO context (series, area, at, value) VALUES ('city.pm10', '3206', %s, 190)", (NIGHT,)
        )
    _, lines, _ = await backtest(bench, "--set", "DB32/4437-2022:pm10.limit=60")
    (site, evening, totals) = lines
    assert (site["site"], site["squad"]) == ("ximalu", "chongchuan")  # the nearer squad is off duty
    assert (site["exceedances_before"], site["exceedances_after"]) == (0, 1)
    assert (evening["night"], evening["notices_after"]) == ("2026-11-01", 1)
    assert (totals["before"]["passes"], totals["before"]["indeterminate"]) == (1, 1)
    assert (totals["after"]["passes"], totals["after"]["indeterminate"]) == (0, 1)


async def test_nothing_stored_is_said(bench: Bench) -> None:
    code, lines, said = await backtest(bench, "--set", "oil_fume.limit=1.0")
    assert (code, lines[-1]["readings"], len(lines)) == (1, 0, 1)
    assert "no readings of fume_pm, nmhc, oil_fume are stored of these days" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "the changed packs say what today's say"),
        (("--set", "oil_fum.limit=1"), "nothing limits 'oil_fum'"),
        (("--set", "oil_fume.limit=1", "--to", "2026-10-31"), "--to 2026-10-31 is before --from 2026-11-01"),
        (("--set", "oil_fume.limit=1", "--from", "yesterday"), "--from 'yesterday' is no day"),
        (("--set", "oil_fume.limit=1", "--site", "ximalu"), "no device to judge"),  # a construction site
        (("--window", "90s"), "windows are whole minutes"),
        (("--window", "7min"), "do not divide the day"),
    ],
)
async def test_wrong_use_is_one_sentence(bench: Bench, words: tuple[str, ...], sentence: str) -> None:
    code, lines, said = await backtest(bench, *words)
    assert (code, lines, said.count("\n")) == (2, [], 1)
    assert sentence in said
