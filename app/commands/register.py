"""``yanchen register``: places, devices, people; and the city's context series."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from domain.context import ContextValue
from domain.errors import ConfigError
from runtime.context import store_context
from runtime.database import open_pool
from runtime.register import import_city, parse_city
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
    city = parse_city(file.read_bytes(), str(file))
    shapes = _geometries(outlines) if outlines else {}

    async def work() -> None:
        async with open_pool(load_settings().database) as pool:
            await import_city(pool, city, shapes)

    _finish(work())
    typer.echo(f"{len(city.places)} sites, {len(city.monitors)} devices, {len(city.squads)} squads", err=True)


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

    typer.echo(f"{_finish(work())} of {len(values)} values are new or changed", err=True)


def _finish(work: Coroutine[Any, Any, int | None]) -> int | None:
    return asyncio.run(work)


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
