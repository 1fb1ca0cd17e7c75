"""The whole service on real Kafka and a real database, killed again and again."""

import asyncio
import contextlib
import os
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alerts_city import Bench, judge, open_bench, until
from alerts_receiver import listening

from alerts.chain import verify
from alerts.store import events
from app.embedded.stack import Stack
from domain.codec import encode
from domain.register import City, Monitor, Place
from domain.site import SiteKind
from domain.topics import EVALUATIONS
from runtime.database import transaction
from runtime.kafka import open_producer
from runtime.register import import_city
from runtime.settings import Kafka

ROOT = Path(__file__).parents[2]
SITES = 30
SERVICE = """
import sys
from alerts.service import run
from runtime.service import run_service
from runtime.settings import load_settings
sys.exit(run_service("alerts", run, load_settings()))
"""


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    async with open_bench(database_url) as found:
        places = tuple(
            Place(site=f"site-{n}", name=f"餐厅 {n}", kind=SiteKind.RESTAURANT, area="320602",
                  grid_code="320602001007", lon=120.9, lat=32.0)
            for n in range(SITES)
        )  # fmt: skip
        monitors = tuple(Monitor(device=f"killed-{n}", site=f"site-{n}") for n in range(SITES))
        await import_city(found.pool, City(places=places, monitors=monitors))
        yield found


async def start(bench: Bench, stack: Stack) -> asyncio.subprocess.Process:
    surroundings = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "YANCHEN_KAFKA__BOOTSTRAP": stack.endpoints.kafka_bootstrap,
        "YANCHEN_DATABASE__URL": bench.url,
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVICE, cwd=ROOT, env=surroundings, stderr=asyncio.subprocess.DEVNULL
    )


async def mine(bench: Bench, condition: str = "true") -> list[dict[str, Any]]:
    return await bench.rows(
        f"SELECT n.* FROM notices n JOIN cases c USING (case_id) WHERE c.site LIKE 'site-%%' AND {condition}"
    )


@pytest.mark.slow
async def test_killed_at_any_moment_it_loses_and_doubles_nothing(bench: Bench, stack: Stack) -> None:
    random_moments = random.Random(7)
    async with listening() as receiver:
        await bench.rows("UPDATE squads SET webhook_url = %s RETURNING 1", receiver.url)
        service = await start(bench, stack)
        async with open_producer(Kafka(bootstrap=stack.endpoints.kafka_bootstrap)) as producer:
            for position in range(6):
                rows = [judge(f"killed-{n}", position) for n in range(SITES)]
                for part in (rows[:10], rows[10:20], rows[20:]):
                    await producer.publish(EVALUATIONS, [(row.device, encode(row)) for row in part])
                    before = len(await mine(bench))
                    with contextlib.suppress(TimeoutError):
                        # Killed while it is at work, not while it is still joining the group.
                        await asyncio.wait_for(
                            until(lambda seen=before: _moved(bench, seen)), random_moments.uniform(0.2, 3)
                        )
                service.kill()
                await service.wait()
                service = await start(bench, stack)
        await until(lambda: _all_delivered(bench), limit_s=90)
        service.terminate()
        assert await asyncio.wait_for(service.wait(), 30) == 0

    cases = await bench.rows("SELECT * FROM cases WHERE site LIKE 'site-%%'")
    assert len(cases) == SITES
    notices = await mine(bench)
    assert len(notices) == 2 * SITES  # the page and the webhook, one round
    wanted = {str(notice["notice_id"]) for notice in notices if notice["channel"] == "webhook"}
    assert {headers["idempotency-key"] for headers, _ in receiver.got} == wanted
    episodes = await bench.rows("SELECT n_exceed FROM episodes WHERE device LIKE 'killed-%%'")
    assert [row["n_exceed"] for row in episodes] == [6] * SITES
    async with transaction(bench.pool) as connection:
        for case in cases:
            assert verify(await events.chain(connection, case["case_id"])) is None


async def _moved(bench: Bench, seen: int) -> bool:
    return len(await mine(bench)) > seen


async def _all_delivered(bench: Bench) -> bool:
    done = await mine(bench, "n.state = 'delivered'")
    windows = await bench.row("SELECT count(*) AS n FROM evaluations WHERE device LIKE 'killed-%%'")
    return len(done) == 2 * SITES and windows["n"] == 6 * SITES
