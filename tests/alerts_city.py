"""A small city, its evaluations and its waiting, for the tests of alerts."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from alerts.consumer import handle
from alerts.policy import Policy
from domain.codec import encode
from domain.evaluation import Evaluation, Verdict
from domain.instant import CHINA
from domain.register import Account, City, GridCell, GridLevel, Monitor, Place, Role, Squad
from domain.site import SiteKind
from runtime.database import Pool, open_pool, transaction
from runtime.kafka import Record
from runtime.migrations import migrate
from runtime.register import import_city
from runtime.settings import Database

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=CHINA)
TEN = timedelta(minutes=10)

CITY = City(
    cells=(
        GridCell(code="3206", name="南通市", level=GridLevel.CITY),
        GridCell(code="320602", name="崇川区", level=GridLevel.DISTRICT, parent="3206"),
        GridCell(code="320602001", name="城东街道", level=GridLevel.SUBDISTRICT, parent="320602"),
        GridCell(code="320602001007", name="第七网格", level=GridLevel.GRID, parent="320602001"),
        GridCell(code="320602002", name="和平桥街道", level=GridLevel.SUBDISTRICT, parent="320602"),
        GridCell(code="3207", name="无人市", level=GridLevel.CITY),
    ),
    squads=(
        Squad(squad="chengdong", name="城东中队", grid_code="320602001"),
        Squad(squad="heping", name="和平桥中队", grid_code="320602002", on_duty=False),
        Squad(squad="chongchuan", name="崇川大队", grid_code="320602"),
    ),
    places=(
        Place(
            site="laowang", name="老王烧烤", kind=SiteKind.RESTAURANT, area="320602",
            grid_code="320602001007", lon=120.88, lat=32.01, address="人民中路 88 号",
        ),
        Place(
            site="ximalu", name="西马路工地", kind=SiteKind.CONSTRUCTION, area="320602",
            grid_code="320602002", lon=120.86, lat=32.02, address="西马路 3 号",
        ),
        Place(
            site="huangye", name="荒野餐厅", kind=SiteKind.RESTAURANT, area="320700",
            grid_code="3207", lon=119.2, lat=34.6,
        ),
    ),
    monitors=(
        Monitor(device="d7", site="laowang"),
        Monitor(device="d8", site="laowang"),
        Monitor(device="g1", site="ximalu"),
        Monitor(device="h1", site="huangye"),
    ),
    accounts=(
        Account(username="zhang", password="squad-1", name="张队", role=Role.SQUAD, squad="chengdong"),
        Account(username="li", password="squad-2", name="李队", role=Role.SQUAD, squad="heping"),
        Account(username="wang", password="squad-3", name="王队", role=Role.SQUAD, squad="chongchuan"),
        Account(username="chen", password="super-1", name="陈督", role=Role.SUPERVISOR),
        Account(username="wall", password="wall-1", name="大屏", role=Role.VIEWER),
    ),
)  # fmt: skip


def judge(
    device: str = "d7",
    position: int = 0,
    verdict: Verdict = Verdict.EXCEED,
    *,
    factor: str = "oil_fume",
    value: float | None = None,
    revision: int = 1,
    final: bool = False,
    start: datetime = NOON,
) -> Evaluation:
    """An evaluation of a ten-minute window, the ``position``-th after ``start``."""
    shown = value if value is not None else {Verdict.EXCEED: 3.25, Verdict.PASS: 0.5}.get(verdict)
    return Evaluation(
        device=device,
        standard="GB 18483-2001" if factor == "oil_fume" else "DB32/4437-2022",
        limit=factor,
        factor=factor,
        window_start=start + position * TEN,
        window_end=start + (position + 1) * TEN,
        statistic="mean",
        value=shown,
        limit_value=2.0,
        unit="mg/m³",
        verdict=verdict,
        n_valid=10,
        n_expected=10,
        adjustments=(),
        clause="表 2",
        revision=revision,
        final=final,
    )


@dataclass
class Bench:
    """A database with the city, and a log that goes on where it was."""

    pool: Pool
    url: str
    policy: Policy = field(default_factory=lambda: Policy(public_url="http://yanchen.test"))
    offset: int = 0

    async def feed(self, *evaluations: Evaluation, partition: int = 0, now: datetime | None = None) -> None:
        """Give the consumer the next records of a partition."""
        records = [
            Record(partition, self.offset + number, encode(evaluation), 0)
            for number, evaluation in enumerate(evaluations)
        ]
        self.offset += len(records)
        await handle(self.pool, {partition: records}, self.policy, now or datetime.now(UTC))

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """What the database says."""
        async with transaction(self.pool) as connection:
            return await (await connection.execute(query, values)).fetchall()

    async def row(self, query: str, *values: Any) -> dict[str, Any]:
        """The only row."""
        found = await self.rows(query, *values)
        assert len(found) == 1, found
        return found[0]

    async def kinds(self, case_id: int) -> list[str]:
        """The kinds of a case's events, in order."""
        query = "SELECT kind FROM case_events WHERE case_id = %s ORDER BY seq"
        return [row["kind"] for row in await self.rows(query, case_id)]


_migrated: set[str] = set()

_EMPTY = """
    TRUNCATE notices, case_events, episodes, cases, evaluations, stream_offsets, accounts, devices, sites,
             squads, grid_cells, procrastinate_jobs, procrastinate_workers CASCADE;
    ALTER SEQUENCE case_numbers RESTART
"""


@asynccontextmanager
async def open_bench(database_url: str, *, accounts: bool = False) -> AsyncIterator[Bench]:
    """A bench on the module's database, brought to this version and emptied."""
    if database_url not in _migrated:
        await asyncio.to_thread(migrate, database_url)
        _migrated.add(database_url)
    async with open_pool(Database(url=database_url, pool=8)) as pool:
        async with transaction(pool) as connection:
            await connection.execute(_EMPTY)
        # Hashing passwords takes its time; only the pages need them.
        await import_city(pool, CITY if accounts else msgspec.structs.replace(CITY, accounts=()))
        yield Bench(pool, database_url)


async def until(condition: Callable[[], Awaitable[Any]], limit_s: float = 20.0) -> Any:
    """Wait for a condition to hold; fails after the limit."""
    deadline = time.monotonic() + limit_s
    while True:
        found = await condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {limit_s} s: {condition}"
        await asyncio.sleep(0.05)


def passing(device: str, positions: Iterable[int]) -> list[Evaluation]:
    """Passing windows of a device."""
    return [judge(device, position, Verdict.PASS) for position in positions]
