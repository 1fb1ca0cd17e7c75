"""``yanchen ledger``: what became of every report."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from app.commands.lines import show
from app.commands.span import parse_span
from runtime.database import open_pool
from runtime.ledger import Account, By, bring_up_to_date, read_ledger
from runtime.settings import load_settings


def ledger(
    device: Annotated[str | None, typer.Option(help="this device only")] = None,
    since: Annotated[str, typer.Option(help="how far back, as 90min, 24h, 7d")] = "24h",
    by: Annotated[By, typer.Option(help="what a line stands for")] = By.DEVICE,
    *,
    missing_only: Annotated[bool, typer.Option("--missing-only", help="only lines with missing > 0")] = False,
) -> None:
    """Account for every report: published = stored + rejected + duplicate + missing.

    Exit code 0: nothing is missing; 1: something is; 2: wrong use.
    """
    span = parse_span(since)

    async def work() -> list[Account]:
        now = datetime.now(UTC)
        async with open_pool(load_settings().database) as pool:
            await bring_up_to_date(pool)
            return await read_ledger(pool, now - span, now, by=by, device=device)

    accounts = asyncio.run(work())
    show([line for line in accounts if line.missing or not missing_only])
    raise typer.Exit(1 if any(line.missing for line in accounts) else 0)
