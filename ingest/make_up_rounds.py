"""Make-up upload (补传): the rounds in which devices are asked for what the ledger misses.

How often a device was asked is kept in the database (``make_up_asked``), so that neither a restart
nor another member of ingest begins to count anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from domain.errors import Unavailable
from domain.site import Protocol
from ingest.make_up import Asked, Patience, Stretch, due, gaps
from runtime.database import Pool, transaction
from runtime.ledger import bring_up_to_date, read_gaps

log = structlog.get_logger()

_DEVICES_AT_A_TIME: Final = 16

Ask = Callable[[str, datetime, datetime], Awaitable[None]]
"""Ask a device for its reports of ``[start, end]``; raises ``Unavailable`` while it is not connected."""

_ASKED: Final = "SELECT device, start_at, end_at, times, last_at FROM make_up_asked"
_NOTE: Final = """
    INSERT INTO make_up_asked AS kept (device, start_at, end_at, times, last_at) VALUES (%s, %s, %s, 1, %s)
    ON CONFLICT (device, start_at, end_at) DO UPDATE SET times = kept.times + 1, last_at = excluded.last_at
"""
_FORGET: Final = "DELETE FROM make_up_asked WHERE end_at < %s"


async def keep_making_up(pool: Pool, ask: Ask, every: timedelta, patience: Patience | None = None) -> None:
    """Ask HJ 212 devices for what is missing, for ever; while the database is away nothing is asked.

    Args:
        pool: the database with the ledger.
        ask: the gateway's make-up command.
        every: from the end of a round to the next.
        patience: how devices are asked.
    """
    while True:
        try:
            await make_up_once(pool, ask, patience or Patience())
        except Unavailable as error:
            log.warning("make_up_waits", error=str(error))
        await asyncio.sleep(every.total_seconds())


async def make_up_once(pool: Pool, ask: Ask, patience: Patience) -> None:
    """One round. A device that is not connected uses up no attempt.

    Raises:
        Unavailable: the database is away.
    """
    await bring_up_to_date(pool)
    now = datetime.now(UTC)
    missing = gaps(await read_gaps(pool, now - patience.reach, Protocol.HJ212), now, patience)
    asked = await _read_asked(pool, now - patience.reach)
    at_a_time = asyncio.Semaphore(_DEVICES_AT_A_TIME)  # a silent device takes a minute

    async def ask_one(one: Stretch) -> None:
        try:
            async with at_a_time:
                await ask(one.device, one.start, one.end)
            await _note_asked(pool, one, now)
        except Unavailable as error:
            log.info("make_up_not_asked", device=one.device, reason=str(error))
        else:
            log.info("make_up_asked", device=one.device, start=one.start, end=one.end)

    async with asyncio.TaskGroup() as tasks:
        for one in due(missing, asked, now, patience):
            tasks.create_task(ask_one(one))


async def _read_asked(pool: Pool, since: datetime) -> dict[Stretch, Asked]:
    """What was asked so far; stretches that ended before ``since`` are asked for no more, and forgotten."""
    async with transaction(pool) as connection:
        await connection.execute(_FORGET, (since,))
        rows = await (await connection.execute(_ASKED)).fetchall()
    return {
        Stretch(row["device"], row["start_at"], row["end_at"]): Asked(row["times"], row["last_at"])
        for row in rows
    }


async def _note_asked(pool: Pool, one: Stretch, now: datetime) -> None:
    async with transaction(pool) as connection:
        await connection.execute(_NOTE, (one.device, one.start, one.end, now))
