"""``yanchen context import|list``: the city's PM10 and AQI, which relative limits need (docs/context.md)."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.commands.span import parse_span
from app.context_import import import_context
from app.lines import print_lines
from app.register_import import finish
from runtime.context import list_context
from runtime.database import open_pool
from runtime.register_check import Fault
from runtime.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Context series 背景数据: the city's PM10 and AQI by hour.")


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV, Excel (.xlsx) or JSON lines")
    ],
    strict: Annotated[bool, typer.Option("--strict", help="import nothing if any row is bad")] = False,
) -> None:
    """Store hours of context series; doing it again changes only what differs."""
    settings = load_settings()

    async def work() -> list[Fault]:
        async with open_pool(settings.database) as pool:
            return await import_context(pool, settings, file, strict=strict)

    finish(asyncio.run(work()), nothing=strict)


@app.command("list")
def list_(
    series: Annotated[str, typer.Option(help="only this series, such as city.pm10")] = "",
    area: Annotated[str, typer.Option(help="only areas that begin with this code")] = "",
    last: Annotated[str, typer.Option(help="hours of this span of time, up to now")] = "2d",
) -> None:
    """Print what is stored, the oldest first."""
    since = datetime.now(UTC) - parse_span(last)

    async def work() -> None:
        async with open_pool(load_settings().database) as pool:
            print_lines(await list_context(pool, since, series, area))

    asyncio.run(work())
