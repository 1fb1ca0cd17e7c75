"""``yanchen packs``: the limits as data, and which of them hold."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from app.commands.lines import show
from app.pack_lines import law_lines, limit_lines, pack_line, told
from app.sites_file import read_sites
from domain.errors import ConfigError
from domain.site import NoiseClass, Site, SiteKind
from rules.explain import explain as explain_limits
from rules.pack import Pack, check_packs, load_packs, optional_packs
from runtime.database import open_pool
from runtime.register import load_devices
from runtime.register_devices import list_sites
from runtime.settings import load_settings

app: Final = typer.Typer(no_args_is_help=True, help="Standard packs 标准包: limits, and which of them hold.")

Packs = Annotated[
    list[str] | None,
    typer.Option("--packs", help="pack or city file, folder, or an optional pack's name; else the settings'"),
]


@app.command("list")
def list_(packs: Packs = None) -> None:
    """Print every pack that holds, then the optional ones that do not."""
    loaded = _loaded(packs)
    held = {pack.file for pack in loaded}
    spare = [pack for pack in optional_packs() if pack.file not in held]
    show([pack_line(pack, optional=False) for pack in loaded] + [pack_line(p, optional=True) for p in spare])


@app.command("show")
def show_(
    standard: Annotated[str, typer.Argument(help="its number, such as 'GB 18483-2001'")], packs: Packs = None
) -> None:
    """Print the limits of a standard and its law by date."""
    loaded = (*_loaded(packs), *optional_packs())
    found = [pack for pack in loaded if pack.standard == standard]
    if not found:
        raise ConfigError(f"no pack of {standard!r}; yanchen packs list names them")
    show([line for pack in found for line in limit_lines(pack)])
    show(list(dict.fromkeys(line for pack in found for line in law_lines(pack))))
    for note in dict.fromkeys(pack.note for pack in found if pack.note):
        print(f"note: {note}", file=sys.stderr)


@app.command()
def check(path: Annotated[str, typer.Argument(help="a pack or city file, or a folder of them")]) -> None:
    """Print every fault of a city's own packs, one a line. Exit code 0: none; 1: some."""
    packs, faults = check_packs(path)
    show(faults)
    if faults:
        raise typer.Exit(1)
    print(f"{path}: nothing wrong, {len(packs)} packs", file=sys.stderr)


@app.command()
def explain(
    site: Annotated[str, typer.Argument(help="a site or a device, of the register or of --site FILE")],
    at: Annotated[str, typer.Argument(help="instant with its zone, as 2026-08-15T22:00:00+08:00")],
    sites: Annotated[
        Path | None, typer.Option("--site", "--sites", help="SITES file instead of the register")
    ] = None,
    packs: Packs = None,
) -> None:
    """Print which limits hold for a site at an instant, and why the others do not.

    Duty, penalty and enforcer are those of that day. Which law is lighter (Environment Code art. 1057)
    is for people to compare.
    """
    instant = _instant(at)
    place = _in_register(site) if sites is None else _in_file(site, sites)
    found = explain_limits(_loaded(packs), place, instant)
    if sys.stdout.isatty():
        Console().print(*told(found), sep="\n")
    else:
        show(found)


def _loaded(packs: list[str] | None) -> tuple[Pack, ...]:
    return load_packs([str(path) for path in load_settings().rules.packs] if packs is None else packs)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no instant; write 2026-08-15T22:00:00+08:00") from error
    if at.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no zone; write {text}+08:00 for China's time")
    return at


def _in_file(name: str, path: Path) -> Site:
    places = read_sites(path, lambda note: print(f"note: {note}", file=sys.stderr))
    found = places.get(name) or next((place for place in places.values() if place.site == name), None)
    if found is None:
        raise ConfigError(f"{path}: no device or site {name!r}; correct the name")
    return found


def _in_register(name: str) -> Site:
    async def work() -> Site | None:
        async with open_pool(load_settings().database) as pool:
            rows = {row["site"]: row for row in await list_sites(pool)}
            if name not in rows:
                device = (await load_devices(pool)).get(name)
                return device.site if device else None
            row = rows[name]
            return Site(
                site=name,
                kind=SiteKind(row["kind"]),
                area=row["area"],
                sensitive=row["sensitive"],
                stoves=row["stoves"],
                phase=row["phase"],
                noise_class=None if row["noise_class"] is None else NoiseClass(row["noise_class"]),
            )

    found = asyncio.run(work())
    if found is None:
        raise ConfigError(
            f"no site or device {name!r} in the register; yanchen sites list names them, or give --site FILE"
        )
    return found
