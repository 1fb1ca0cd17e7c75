"""One rules process, four, one again, under load and with SIGKILL: they say what the whole log says."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from judged_log import by_id, newest

from app.embedded.ports import free_port
from app.embedded.process import wait_until
from app.embedded.stack import Stack
from app.fleet import Fleet, environment
from domain.codec import encode
from domain.register import City, GridCell, GridLevel, Monitor, Place
from domain.report import Report
from domain.site import Site, SiteKind
from domain.topics import READINGS
from rules.offline import evaluate
from rules.pack import load_packs
from rules.service import CONSUMER
from runtime.database import Pool, open_pool
from runtime.kafka import log_end, open_producer
from runtime.migrations import migrate
from runtime.offsets import done_offsets
from runtime.register import import_city
from runtime.settings import Database, Kafka

pytestmark = [pytest.mark.timeout(420), pytest.mark.slow]

NAME = f"scale-{uuid.uuid4().hex[:6]}"
DEVICES = [f"{NAME}-{number}" for number in range(150)]
PACE_S = 0.3
"""Of our time for each minute of theirs."""
LATENESS = timedelta(hours=1)
START = (datetime.now(UTC) - timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
CITY = City(
    cells=(GridCell(code="320600", name="临江市", level=GridLevel.CITY),),
    places=(
        Place(
            site="r", name="面馆", kind=SiteKind.RESTAURANT, area="320602", grid_code="320600", lon=0, lat=0
        ),
    ),
    monitors=tuple(Monitor(device=device, site="r") for device in DEVICES),
)
SITE = Site(site="r", kind=SiteKind.RESTAURANT, area="320602")


def minute_of(minute: int, luck: random.Random) -> list[Report]:
    """What arrives in a minute: of each device a report, some 40 minutes late, some twice, some faulty."""
    found = []
    for device in DEVICES:
        late = luck.randrange(40) if luck.random() < 0.1 else 0
        at = START + timedelta(minutes=max(0, minute - late))
        flags = {"oil_fume": "D"} if luck.random() < 0.05 else {}
        values = {"oil_fume": round(luck.uniform(0.5, 3.5), 2)}
        received = START + timedelta(minutes=minute, seconds=2)
        found += [Report(device, at, values, flags, received_at=received)] * luck.choice([1, 1, 1, 2])
    return found


async def load(kafka: Kafka, enough: asyncio.Event) -> list[Report]:
    """Publish until it is enough, and then of each device a report so much later that all before is final."""
    luck, sent = random.Random(11), list[Report]()
    async with open_producer(kafka) as producer:
        for minute in count():
            reports = minute_of(minute, luck)
            await producer.publish(READINGS, [(one.device, encode(one)) for one in reports])
            sent += reports
            if enough.is_set():
                break
            await asyncio.sleep(PACE_S)
        at = START + timedelta(minutes=minute + 10) + LATENESS
        last = [Report(device, at, {"oil_fume": 0.5}, received_at=at) for device in DEVICES]
        await producer.publish(READINGS, [(one.device, encode(one)) for one in last])
    return sent + last


@asynccontextmanager
async def engines(env: dict[str, str], logs: Path, many: int) -> AsyncIterator[Sequence[Fleet]]:
    """So many more rules processes."""
    async with AsyncExitStack() as held:
        fleets = []
        for number in range(many):
            folder = logs / f"{NAME}-{many}-{number}"
            folder.mkdir()
            fleets.append(await held.enter_async_context(Fleet(env, folder, ["rules"])))
        yield fleets


async def kill_one_after_the_other(fleets: Sequence[Fleet], pool: Pool) -> None:
    """SIGKILL each of them, and go on only when the log, which always grows, has been judged further."""
    for fleet in fleets:
        before = await done_offsets(pool, CONSUMER, READINGS)
        await fleet.kill("rules")

        async def further(before: int = before) -> bool:
            return await done_offsets(pool, CONSUMER, READINGS) > before

        assert await wait_until(further, 60), "nobody took over"


async def under_load(env: dict[str, str], kafka: Kafka, pool: Pool, logs: Path) -> list[Report]:
    """One, four, one again; what was sent meanwhile, all of it judged."""
    enough = asyncio.Event()
    async with engines(env, logs, 1) as first:
        publishing = asyncio.create_task(load(kafka, enough))
        await kill_one_after_the_other(first, pool)
        async with engines(env, logs, 3) as others:
            await kill_one_after_the_other([*first, *others], pool)
        await kill_one_after_the_other(first, pool)
        enough.set()
        sent = await publishing

        async def read_to_end() -> bool:
            return await done_offsets(pool, CONSUMER, READINGS) >= await log_end(kafka, READINGS)

        assert await wait_until(read_to_end, 60)
    return sent


async def test_one_four_one_with_kills(stack: Stack, database_url: str) -> None:
    migrate(database_url)
    kafka = Kafka(bootstrap=stack.endpoints.kafka_bootstrap)
    more = {
        "YANCHEN_DATABASE__URL": database_url,
        "YANCHEN_RULES__LATENESS": f"PT{LATENESS.seconds}S",
    }
    env = environment(stack.endpoints, hj212_port=free_port(), web_port=free_port(), more=more)
    async with open_pool(Database(url=database_url)) as pool:
        await import_city(pool, CITY)
        sent = await under_load(env, kafka, pool, stack.endpoints.logs)
    until = sent[-1].instant - LATENESS - timedelta(minutes=10)  # windows before are final
    whole = evaluate(sent, dict.fromkeys(DEVICES, SITE), [], load_packs([]))
    found = [one for one in (await newest(kafka, set(DEVICES))).values() if one.window_start < until]
    assert by_id(found) == by_id(one for one in whole if one.window_start < until)
    assert all(one.final for one in found)
    assert max(one.revision for one in found) > 1
