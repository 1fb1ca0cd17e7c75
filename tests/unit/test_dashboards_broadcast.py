"""One poller for all walls: it starts with the first, ends with the last, and survives a lost database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, nullcontext
from typing import Any

from dashboards.wall.broadcast import Broadcast
from dashboards.wall.sections import Section
from dashboards.wall.snapshot import Snapshot, Trouble
from domain.errors import Unavailable

TICK_S = 0.01


class Source:
    """A pool whose only connection reads ``value``, or fails."""

    def __init__(self) -> None:
        self.value: Any = 1
        self.error: Exception | None = None
        self.reads = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Source"]:
        yield self

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        with nullcontext():
            yield

    async def read(self, _connection: Any) -> Any:
        self.reads += 1
        if self.error:
            raise self.error
        return self.value


def broadcast_of(source: Source) -> Broadcast:
    return Broadcast(source, (Section("value", 0, source.read),), tick_s=TICK_S)  # type: ignore[arg-type]


async def until(walls: Any, wanted: Any) -> Snapshot:
    async with asyncio.timeout(5):
        async for snapshot in walls:
            if wanted(snapshot):
                return snapshot
    raise AssertionError


async def pollers() -> list[asyncio.Task[Any]]:
    return [
        task for task in asyncio.all_tasks() if task.get_name() == "wall-poller" and not task.cancelling()
    ]


async def test_a_change_reaches_every_wall_through_one_poller() -> None:
    source = Source()
    broadcast = broadcast_of(source)
    async with aclosing(broadcast.follow()) as first, aclosing(broadcast.follow()) as second:
        assert (await anext(first)).values == {"value": 1}
        assert (await anext(second)).values == {"value": 1}
        assert len(await pollers()) == 1
        source.value = 2
        for wall in (first, second):
            await until(wall, lambda snapshot: snapshot.values == {"value": 2})


async def test_nobody_looking_reads_nothing() -> None:
    source = Source()
    async with aclosing(broadcast_of(source).follow()) as wall:
        await anext(wall)
        assert await pollers()
    assert not await pollers()


async def test_a_lost_database_is_shown_and_its_return_too() -> None:
    source = Source()
    async with aclosing(broadcast_of(source).follow()) as wall:
        await anext(wall)
        source.error = Unavailable("away")
        seen = await until(wall, lambda snapshot: snapshot.trouble)
        assert (seen.trouble, seen.values) == (Trouble.DATABASE, {"value": 1})
        source.error = None
        await until(wall, lambda snapshot: snapshot.trouble is None)


async def test_a_failing_query_does_not_end_the_poller() -> None:
    source = Source()
    source.error = ValueError("no such column")
    async with aclosing(broadcast_of(source).follow()) as wall:
        assert (await anext(wall)).trouble is Trouble.FAILED
        source.error = None
        assert (await until(wall, lambda snapshot: snapshot.trouble is None)).values == {"value": 1}


async def test_one_state_is_not_read_twice_within_its_period() -> None:
    source = Source()
    broadcast = Broadcast(source, (Section("value", 60, source.read),))  # type: ignore[arg-type]
    await broadcast.newest()
    await broadcast.newest()
    assert source.reads == 1
