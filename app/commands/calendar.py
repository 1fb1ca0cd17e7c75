"""``yanchen calendar import|list|remove``: exams, night-work permits, festivals (docs/context.md)."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from app.context_import import import_calendar
from app.lines import print_lines
from app.register_import import finish
from domain.calendar import CalendarEntry
from domain.errors import ConfigError
from runtime.calendar import list_calendar, remove_calendar
from runtime.database import open_pool
from runtime.register_check import Fault
from runtime.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="The calendar 日历: exams, night-work permits, festivals.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or Excel (.xlsx)")],
    strict: Annotated[bool, typer.Option("--strict", help="import nothing if any row is bad")] = False,
) -> None:
    """Store entries; doing it again changes only what differs."""
    settings = load_settings()

    async def work() -> list[Fault]:
        async with open_pool(settings.database) as pool:
            return await import_calendar(pool, settings, file, strict=strict)

    finish(asyncio.run(work()), nothing=strict)


@app.command("list")
def list_() -> None:
    """Print every entry with its number, the earliest first."""

    async def work() -> None:
        async with open_pool(load_settings().database) as pool:
            print_lines(await list_calendar(pool))

    asyncio.run(work())


@app.command()
def remove(entry_id: Annotated[int, typer.Argument(help="its number, as list prints it")]) -> None:
    """Take an entry out; windows that it touched are judged again."""
    settings = load_settings()

    async def work() -> CalendarEntry | None:
        async with open_pool(settings.database) as pool:
            return await remove_calendar(pool, entry_id, settings.rules.lateness)

    gone = asyncio.run(work())
    if gone is None:
        raise ConfigError(f"there is no entry {entry_id}; yanchen calendar list shows their numbers")
    print_lines([gone])
