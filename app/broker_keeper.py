"""The embedded broker's accounts follow the register while the stack runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from app.embedded.mosquitto import Mosquitto
from domain.errors import Unavailable
from runtime.broker_accounts import fit_for_broker, keep_accounts
from runtime.database import open_pool
from runtime.settings import Database

log = structlog.get_logger()

_PAUSE_S: Final = 2.0


@asynccontextmanager
async def accounts_kept(broker: Mosquitto, database_url: str) -> AsyncIterator[None]:
    """Follow the register in a database until the end of the block."""
    task = asyncio.create_task(_follow(broker, database_url), name="broker accounts")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _follow(broker: Mosquitto, database_url: str) -> None:
    async def apply(devices: dict[str, str]) -> None:
        good, refused = fit_for_broker(devices, {broker.user})
        for device, why in refused.items():
            log.warning("broker_account_refused", device=device, why=why)
        await broker.set_accounts(good)

    while True:
        try:
            async with open_pool(Database(url=database_url, pool=1)) as pool:
                await keep_accounts(pool, apply)
        except Unavailable as error:
            log.warning("broker_accounts_wait", error=str(error))
            await asyncio.sleep(_PAUSE_S)
