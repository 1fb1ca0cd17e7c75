"""``yanchen rates``: how a day went: online, complete, exceeding, purifier, linkage."""

import asyncio
from datetime import date, datetime
from typing import Annotated

import typer

from app.commands.lines import show
from domain.instant import CHINA
from rules.daily_rates import By, Rates, read_rates
from rules.device_days import bring_up_to_date
from rules.health_pack import load_health
from runtime.database import open_pool
from runtime.settings import load_settings


def rates(
    day: Annotated[
        str | None, typer.Option(help="local day, as 2026-11-21; today without it", metavar="DAY")
    ] = None,
    by: Annotated[By, typer.Option(help="what a line stands for")] = By.SITE,
) -> None:
    """Daily rates (在线率, 超标率, 净化器开启率, 联动率), counted from what is stored.

    Exit code 0: done; 2: wrong use.
    """
    wanted = _day(day) if day else datetime.now(CHINA).date()
    settings = load_settings()

    async def work() -> list[Rates]:
        async with open_pool(settings.database) as pool:
            await bring_up_to_date(pool, wanted, load_health(settings.rules.health))
            return await read_rates(pool, wanted, by)

    show(asyncio.run(work()))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write 2026-11-21") from None
