"""``yanchen sites|squads import|list``: the parts of the register that come as sheets and need no more."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from app.lines import print_lines
from app.register_import import finish, import_sheet
from runtime.database import Pool, open_pool
from runtime.register_check import Fault
from runtime.register_columns import SITES, SQUADS, Table
from runtime.register_devices import list_sites, list_squads
from runtime.settings import load_settings


def _commands(about: str, table: Table, listed: Callable[[Pool], Awaitable[list[Any]]]) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help=about)

    @app.command("import")
    def import_(
        file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or Excel (.xlsx)")],
        strict: Annotated[bool, typer.Option("--strict", help="import nothing if any row is bad")] = False,
    ) -> None:
        """Write a sheet into the register; doing it again changes only what differs."""
        settings = load_settings()

        async def work() -> list[Fault]:
            async with open_pool(settings.database) as pool:
                return await import_sheet(pool, settings, table, file, strict=strict)

        finish(asyncio.run(work()), nothing=strict)

    @app.command("list")
    def list_() -> None:
        """Print all of them."""

        async def work() -> None:
            async with open_pool(load_settings().database) as pool:
                print_lines(await listed(pool))

        asyncio.run(work())

    return app


sites = _commands("Sites 场所: restaurants and construction sites.", SITES, list_sites)
squads = _commands("Squads 中队 and the grid cells they answer for.", SQUADS, list_squads)
