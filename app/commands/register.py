"""``yanchen register``: places, devices, people."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from app.register_import import finish, import_file
from domain.errors import ConfigError
from runtime.database import open_pool
from runtime.register_check import Fault
from runtime.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Places, devices, squads, accounts.")


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


def _geometries(path: Path) -> dict[str, Any]:
    try:
        features = msgspec.json.decode(path.read_bytes())["features"]
        return {feature["properties"]["code"]: feature["geometry"] for feature in features}
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: not a GeoJSON FeatureCollection whose features have properties.code: {error!r}"
        ) from error
