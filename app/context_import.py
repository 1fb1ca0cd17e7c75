"""Bring in what judging needs besides readings: the city's hours and its calendar."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typer

from rules.pack import load_packs
from runtime.calendar import store_calendar
from runtime.calendar_file import read_calendar
from runtime.context import store_context
from runtime.context_file import Read, read_context
from runtime.database import Pool
from runtime.register import Changes
from runtime.register_check import Fault
from runtime.register_devices import list_sites
from runtime.settings import Settings

_ALWAYS: Final = {"city.pm10", "city.aqi"}


def series_needed(settings: Settings) -> frozenset[str]:
    """The context series that some limit can ask for, a city's own packs included."""
    packs = load_packs([str(path) for path in settings.rules.packs])
    return frozenset(
        _ALWAYS | {limit.adjustment.series for pack in packs for limit in pack.limit if limit.adjustment}
    )


def read_values(settings: Settings, data: bytes, name: str) -> Read:
    """Values of context series from a sheet, JSON lines or a JSON list.

    Raises:
        ConfigError: it is a sheet without the headings that every row needs.
    """
    return read_context(data, name, series_needed(settings), datetime.now(UTC))


async def import_context(pool: Pool, settings: Settings, file: Path, *, strict: bool) -> list[Fault]:
    """Import context series: the good rows, or with ``strict`` all or nothing."""
    read = read_values(settings, await asyncio.to_thread(file.read_bytes), str(file))
    if not (strict and read.faults):
        _say(await store_context(pool, read.values, settings.rules.lateness), read.faults)
    return read.faults


async def import_calendar(pool: Pool, settings: Settings, file: Path, *, strict: bool) -> list[Fault]:
    """Import a sheet of the calendar: the good rows, or with ``strict`` all or nothing."""
    sites = {site["site"] for site in await list_sites(pool)}
    read = read_calendar(await asyncio.to_thread(file.read_bytes), str(file), sites)
    if not (strict and read.faults):
        _say(await store_calendar(pool, read.entries, settings.rules.lateness), read.faults)
    return read.faults


def _say(changes: Changes, faults: Sequence[Fault]) -> None:
    said = f"{changes.new} new, {changes.changed} changed, {changes.unchanged} as before"
    typer.echo(f"{said}, {len({fault.row for fault in faults})} bad", err=True)
