"""Packs and the database: explain from the register, n a day in cases, counts by day, month and year."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from alerts_city import NOON, Bench, judge, open_bench
from click.testing import Result
from typer.testing import CliRunner

from app.cli import cli
from domain.episode import EpisodeRule
from domain.errors import ConfigError
from domain.evaluation import Verdict
from domain.exceedance_count import count_exceedances
from domain.site import NoiseClass
from runtime.evaluations import evaluation_of
from runtime.register import load_devices

MONTH_END = NOON.replace(day=30, hour=23, minute=40)


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    async with open_bench(database_url) as found:
        yield found


async def yanchen(bench: Bench, *words: str) -> Result:
    env = {**os.environ, "YANCHEN_DATABASE__URL": bench.url}
    return await asyncio.to_thread(CliRunner().invoke, cli, list(words), env=env)


async def explained(bench: Bench, name: str) -> list[dict[str, Any]]:
    words = ("packs", "explain", name, "2026-11-21T12:00:00+08:00", "--packs", "gb22337-2008")
    result = await yanchen(bench, *words)
    assert result.exit_code == 0, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


async def test_explain_takes_a_site_or_a_device_from_the_register(bench: Bench) -> None:
    await bench.rows("UPDATE sites SET noise_class = '1' WHERE site = 'laowang' RETURNING 1")
    by_site, by_device = await explained(bench, "laowang"), await explained(bench, "d8")
    assert by_site == by_device
    assert [(line["limit"], line["value"]) for line in by_site if line["holds"]] == [
        ("noise_day_1", 55.0),
        ("oil_fume", 2.0),
    ]
    unknown = await explained(bench, "huangye")
    assert [line["value"] for line in unknown if line["holds"]] == [70.0, 2.0]
    nobody = await yanchen(bench, "packs", "explain", "nobody", "2026-11-21T12:00:00+08:00")
    assert isinstance(nobody.exception, ConfigError)
    assert "no site or device 'nobody' in the register" in str(nobody.exception)


async def test_the_register_knows_a_sites_noise_class(bench: Bench) -> None:
    await bench.rows("UPDATE sites SET noise_class = '4a' WHERE site = 'laowang' RETURNING 1")
    devices = await load_devices(bench.pool)
    assert devices["d7"].site.noise_class is NoiseClass.ROADSIDE
    assert devices["h1"].site.noise_class is None


async def test_what_a_standard_allows_a_day_opens_no_case(bench: Bench) -> None:
    rule = EpisodeRule(allowed={("GB 18483-2001", "oil_fume"): 2})
    bench.policy = replace(bench.policy, rule=rule)
    await bench.feed(judge(position=0), judge(position=1))
    assert await bench.rows("SELECT FROM cases") == []
    await bench.feed(judge(position=2, value=4.5))
    assert (await bench.row("SELECT occurred_at FROM cases"))["occurred_at"] == NOON + timedelta(minutes=20)
    episode = await bench.row("SELECT n_exceed, peak FROM episodes")
    assert (episode["n_exceed"], episode["peak"]) == (1, 4.5)
    # Late data takes the first one back: two are left, and both are allowed.
    await bench.feed(judge(position=0, verdict=Verdict.PASS, revision=2))
    assert (await bench.row("SELECT state FROM cases"))["state"] == "withdrawn"


async def test_the_view_counts_what_the_function_counts(bench: Bench) -> None:
    await bench.feed(
        *(judge("d7", position, start=MONTH_END) for position in range(4)),  # two on each side of midnight
        judge("d8", 0),
        judge("d8", 1, Verdict.PASS),
        judge("d8", 2, Verdict.INVALID),
        judge("g1", 0, factor="tsp"),
        judge("g1", 0, factor="tsp", start=NOON + timedelta(days=60)),
    )
    stored = [
        evaluation_of(row) for row in await bench.rows("SELECT * FROM evaluations ORDER BY window_start")
    ]
    places = {name: device.site.site for name, device in (await load_devices(bench.pool)).items()}
    counted = count_exceedances(stored, places, {})
    rows = await bench.rows("SELECT * FROM exceedance_counts")
    assert Counter(tuple(row.values()) for row in rows) == Counter(
        (c.site, c.standard, c.limit, c.factor, c.period.value, c.starts, c.n_exceed) for c in counted
    )
    assert sum(row["n_exceed"] for row in rows if row["period"] == "year") == 7
    november = [row for row in rows if (row["site"], row["period"]) == ("laowang", "month")]
    assert sorted((str(row["starts"]), row["n_exceed"]) for row in november) == [
        ("2026-11-01", 3),
        ("2026-12-01", 2),
    ]
