"""``yanchen squads import|list``: who answers for which grid cells."""

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer

from app.lines import print_lines
from app.register_import import finish, import_sheet
from runtime.database import open_pool
from runtime.register_check import Fault
from runtime.register_columns import SQUADS
from runtime.register_devices import list_squads
from runtime.settings import load_settings

app: Final = typer.Typer(no_args_is_help=True, help="Squads 中队 and the grid cells they answer for.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or Excel (.xlsx)")],
    strict: Annotated[bool, typer.Option("--strict", help="import nothing if any row is bad")] = False,
) -> None:
    """Write a sheet of squads into the register; doing it again changes only what differs."""
    settings = load_settings()

    async def work() -> list[Fault]:
        async with open_pool(settings.database) as pool:
            return await import_sheet(pool, settings, SQUADS, file, strict=strict)

    finish(asyncio.run(work()), nothing=strict)


@app.command("list")
def list_() -> None:
    """Print every squad."""

    async def work() -> None:
        async with open_pool(load_settings().database) as pool:
            print_lines(await list_squads(pool))

    asyncio.run(work())
