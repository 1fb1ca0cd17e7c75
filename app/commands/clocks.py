"""``yanchen clocks``: how far the clocks of devices are off."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from app.commands.lines import show
from app.commands.span import parse_span
from runtime.clocks import Clock, read_clocks
from runtime.database import open_pool
from runtime.settings import load_settings


def clocks(
    over: Annotated[str | None, typer.Option(help="only clocks that are off by more, as 30s")] = None,
    since: Annotated[str, typer.Option(help="reports of how far back, as 90min, 6h")] = "6h",
) -> None:
    """List clock skews, the worst first.

    Exit code 0: done; 1: --over was given and a clock is off by more; 2: wrong use.
    """
    limit = parse_span(over).total_seconds() if over else -1.0
    span = parse_span(since)

    async def work() -> list[Clock]:
        async with open_pool(load_settings().database) as pool:
            return await read_clocks(pool, datetime.now(UTC) - span, limit)

    found = asyncio.run(work())
    show(found)
    raise typer.Exit(1 if over and found else 0)
