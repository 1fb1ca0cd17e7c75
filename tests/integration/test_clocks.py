"""Clock skew, separated from the network's delay and from backlogs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from runtime.clocks import read_clocks
from runtime.database import Pool, open_pool, transaction
from runtime.migrations import migrate
from runtime.settings import Database

START = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    migrate(database_url)
    async with open_pool(Database(url=database_url)) as pool:
        async with transaction(pool) as connection:
            await connection.execute("INSERT INTO grid_cells VALUES ('320600', '临江市', 'city', NULL)")
            await connection.execute(
                "INSERT INTO sites (site, name, kind, area, grid_code, lon, lat)"
                " VALUES ('r1', '老街面馆', 'restaurant', '320602', '320600', 120.8, 32)"
            )
        yield pool


async def store(pool: Pool, device: str, minutes: range, skew_s: float, *, backlog: range = range(0)) -> None:
    """Reports of a clock that is ahead by so much; those of the backlog came together, at its end."""
    random = Random(device)
    async with transaction(pool) as connection:
        added = await connection.execute(
            "INSERT INTO devices (device, site, protocol) VALUES (%s, 'r1', 'mqtt') RETURNING point_id",
            (device,),
        )
        (point,) = [row["point_id"] for row in await added.fetchall()]
        async with connection.cursor() as cursor:
            for minute in minutes:
                true = START + timedelta(minutes=minute)
                sent = START + timedelta(minutes=backlog.stop) if minute in backlog else true
                delay = timedelta(seconds=random.expovariate(1.0) + 0.2)
                await cursor.execute(
                    "INSERT INTO reports (point_id, at, received_at) VALUES (%s, %s, %s)",
                    (point, true + timedelta(seconds=skew_s), sent + delay),
                )


async def test_skew_is_told_from_delay_and_backlog(pool: Pool) -> None:
    await store(pool, "right", range(120), 0)
    await store(pool, "ahead", range(120), 95)
    await store(pool, "behind", range(120), -1800)
    await store(pool, "right-with-backlog", range(180), 0, backlog=range(10, 175))
    await store(pool, "ahead-with-backlog", range(180), 40, backlog=range(10, 170))
    await store(pool, "too-few", range(4), 600)
    found = {clock.device: clock for clock in await read_clocks(pool, START - timedelta(hours=1))}
    assert set(found) == {"right", "ahead", "behind", "right-with-backlog", "ahead-with-backlog"}
    expected = {
        "right": 0,
        "ahead": 95,
        "behind": -1800,
        "right-with-backlog": 0,
        "ahead-with-backlog": 40,
    }
    for device, skew in expected.items():
        assert found[device].skew_s == pytest.approx(skew, abs=1.5), device
        assert 0 < found[device].spread_s < 10, device
    assert found["right-with-backlog"].n < 30
    over = [clock.device for clock in await read_clocks(pool, START - timedelta(hours=1), 30)]
    assert over == ["behind", "ahead", "ahead-with-backlog"]
