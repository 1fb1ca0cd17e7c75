"""What last wills say: kept in the register, without holding up the reports behind them."""

import asyncio
from collections.abc import Iterable

import structlog

from domain.errors import Unavailable
from runtime.database import Pool, transaction

log = structlog.get_logger()

_AGAIN_S = 2.0


class Presence:
    """Device → online or offline, as last said; written by ``keep`` as soon as the database takes it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._said: dict[str, bool] = {}
        self._news = asyncio.Event()

    def say(self, said: Iterable[tuple[str, bool]]) -> None:
        """Take what was said; the last word on a device holds."""
        self._said |= dict(said)
        self._news.set()

    async def keep(self) -> None:
        """Write for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            said, self._said = self._said, {}
            try:
                await self._write(said)
            except Unavailable as error:
                log.warning("presence_waits", error=str(error))
                self._said = said | self._said
                self._news.set()
                await asyncio.sleep(_AGAIN_S)

    async def _write(self, said: dict[str, bool]) -> None:
        async with transaction(self._pool) as connection:
            await connection.execute(
                "UPDATE devices SET online = said.online, online_at = now()"
                " FROM unnest(%s::text[], %s::boolean[]) AS said (device, online)"
                " WHERE devices.device = said.device",
                (list(said), list(said.values())),
            )
