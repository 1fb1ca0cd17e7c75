"""One poller for all walls of a process: it reads while somebody looks, and tells what changed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Final

import structlog

from dashboards.wall.sections import SECTIONS, Section
from dashboards.wall.snapshot import Snapshot, Trouble
from domain.errors import Unavailable
from runtime.database import Pool, transaction

log = structlog.get_logger()

HEARTBEAT_S: Final = 5.0
_PATIENCE_S: Final = 6.0  # the pool alone would wait half a minute before it says that nobody answers


class Broadcast:
    """Keeps the newest snapshot and wakes its followers when it is replaced.

    Args:
        pool: where to read.
        sections: what to read, and how often.
        tick_s: pause between two looks at what is due.
    """

    def __init__(self, pool: Pool, sections: Sequence[Section] = SECTIONS, tick_s: float = 1.0) -> None:
        self._pool = pool
        self._sections = sections
        self._tick_s = tick_s
        self._due = dict.fromkeys((section.name for section in sections), 0.0)
        self._snapshot = Snapshot()
        self._news = asyncio.Event()
        self._reading = asyncio.Lock()
        self._followers = 0
        self._poller: asyncio.Task[None] | None = None

    async def newest(self) -> Snapshot:
        """The state now; no section is older than its period, unless there is trouble."""
        await self._refresh()
        return self._snapshot

    async def follow(self) -> AsyncGenerator[Snapshot]:
        """The state now, then again whenever it changed, and at least every few seconds."""
        async with self._polling():
            await self._refresh()
            while True:
                news = self._news  # taken before the snapshot: what comes while it is sent is not missed
                yield self._snapshot
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), HEARTBEAT_S)

    @asynccontextmanager
    async def _polling(self) -> AsyncIterator[None]:
        self._followers += 1
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll(), name="wall-poller")
        try:
            yield
        finally:
            self._followers -= 1
            if not self._followers and self._poller:
                self._poller.cancel()
                self._poller = None

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._tick_s)
            await self._refresh()

    async def _refresh(self) -> None:
        async with self._reading:
            now = monotonic()
            due = [section for section in self._sections if self._due[section.name] <= now]
            if not due:
                return
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self._read(due)
            except (Unavailable, TimeoutError) as error:
                self._fail(Trouble.DATABASE, error)
            except Exception as error:
                # A query that fails for one reading must not blind the wall until a restart.
                log.exception("wall_query_failed")
                self._fail(Trouble.FAILED, error)

    async def _read(self, due: Sequence[Section]) -> None:
        async with transaction(self._pool) as connection:
            read = {section.name: await section.read(connection) for section in due}
        now = monotonic()
        self._due |= {section.name: now + section.period_s - self._tick_s / 2 for section in due}
        if self._snapshot.trouble:
            log.info("wall_database_back")
        changed = any(self._snapshot.values.get(name, _MISSING) != value for name, value in read.items())
        values = {**self._snapshot.values, **read} if changed else self._snapshot.values
        self._publish(Snapshot(values, datetime.now(UTC)), tell=changed or bool(self._snapshot.trouble))

    def _fail(self, trouble: Trouble, error: Exception) -> None:
        if self._snapshot.trouble is not trouble:
            log.warning("wall_blind", trouble=trouble, error=str(error) or type(error).__name__)
            self._publish(replace(self._snapshot, trouble=trouble), tell=True)

    def _publish(self, snapshot: Snapshot, *, tell: bool) -> None:
        self._snapshot = snapshot
        if tell:
            self._news.set()
            self._news = asyncio.Event()


_MISSING: Final = object()
