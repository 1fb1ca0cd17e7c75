"""``yanchen demo-city``: the demo's invented register and context series, for compose's demo profile."""

import asyncio
import time

import typer

from app.demo import fill_city
from runtime.database import open_pool
from runtime.settings import load_settings


def demo_city() -> None:
    """Write the invented district into the register; doing it again changes nothing."""

    async def work() -> None:
        async with open_pool(load_settings().database) as pool:
            await fill_city(pool, since_ms=int(time.time() * 1000) - 86_400_000)

    asyncio.run(work())
    typer.echo("the invented district is in the register", err=True)
