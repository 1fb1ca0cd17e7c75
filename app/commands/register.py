"""``yanchen register``: places, devices, people; and the city's context series."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from app.register_import import finish, import_file
from domain.context import ContextValue
from domain.errors import ConfigError
from runtime.context import store_context
from runtime.database import open_pool
from runtime.register_check import Fault
from runtime.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Places, devices, squads, accounts; the city's context series.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="register file (JSON)")],
    outlines: Annotated[
        Path | None, typer.Option(exists=True, help="GeoJSON; property code = grid cell")
    ] = None,
) -> None:
    """Write a city's register; doing it again changes only what differs."""
    shapes = _geometries(outlines) if outlines else {}
    settings = load_settings()

    async def work() -> list[Fault]:
        async with open_pool(settings.database) as pool:
            return await import_file(pool, settings, file, shapes)

    finish(asyncio.run(work()), nothing=True)


@app.command()
def context(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSON lines: series, area, at, value")
    ],
) -> None:
    """Store context values (city PM10, AQI); a corrected value replaces the older."""
    values = [
        _context_value(line, file, number) for number, line in enumerate(file.open("rb"), 1) if line.strip()
    ]

    async def work() -> int:
        async with open_pool(load_settings().database) as pool:
            return await store_context(pool, values)

    typer.echo(f"{asyncio.run(work())} of {len(values)} values are new or changed", err=True)


def _geometries(path: Path) -> dict[str, Any]:
    try:
        features = msgspec.json.decode(path.read_bytes())["features"]
        return {feature["properties"]["code"]: feature["geometry"] for feature in features}
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: not a GeoJSON FeatureCollection whose features have properties.code: {error!r}"
        ) from error


def _context_value(line: bytes, file: Path, number: int) -> ContextValue:
    try:
        return msgspec.json.decode(line, type=ContextValue)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{file}:{number}: {error}") from error
