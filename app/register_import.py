"""Import into the register: check everything, say everything that is wrong, write what is good."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from app.lines import print_lines
from ingest.hj212.crc import RULES
from ingest.hj212.vendor_map import vendors
from runtime.database import Pool
from runtime.register import Changes, import_city
from runtime.register_check import Entry, Fault, check, ident
from runtime.register_columns import Table, read_table
from runtime.register_devices import issue_passwords, known
from runtime.register_file import city_of, read_city
from runtime.settings import Settings


async def import_file(pool: Pool, settings: Settings, file: Path, outlines: dict[str, Any]) -> list[Fault]:
    """Import a city's JSON file, all of it or nothing."""
    entries, faults = read_city(await asyncio.to_thread(file.read_bytes), str(file))
    good, faults = await _checked(pool, settings, entries, faults)
    if not faults:
        _say(await import_city(pool, city_of(good), outlines), faults)
    return faults


async def import_sheet(
    pool: Pool, settings: Settings, table: Table, file: Path, *, strict: bool, issue: bool = False
) -> list[Fault]:
    """Import a CSV or Excel sheet: the good rows, or with ``strict`` all or nothing.

    With ``issue`` each MQTT device without a broker account gets one, and its password is printed.
    """
    rows = read_table(table, await asyncio.to_thread(file.read_bytes), str(file))
    good, faults = await _checked(pool, settings, rows.entries, rows.faults)
    if faults and strict:
        return faults
    _say(await import_city(pool, city_of(good), fields=rows.fields), faults)
    if issue:
        passwords = await issue_passwords(pool, [ident(entry.item) for entry in good])
        print_lines({"device": device, "mqtt_password": text} for device, text in passwords.items())
    return faults


async def add(pool: Pool, settings: Settings, entry: Entry) -> list[Fault]:
    """Add one thing by the rules of the sheets."""
    good, faults = await _checked(pool, settings, [entry], [])
    if good:
        await import_city(pool, city_of(good))
    return faults


def finish(faults: Sequence[Fault], nothing: bool) -> None:
    """Print the faults and leave with 1 if there are any."""
    if not faults:
        return
    print_lines(faults)
    rows = len({fault.row for fault in faults})
    said = "nothing was imported" if nothing else "the other rows were imported"
    typer.echo(f"{rows} bad rows, {said}; correct them and import again", err=True)
    raise typer.Exit(1)


async def _checked(
    pool: Pool, settings: Settings, entries: Sequence[Entry], faults: Sequence[Fault]
) -> tuple[list[Entry], list[Fault]]:
    there = await known(pool, vendors(), RULES, reserved=[settings.mqtt.username])
    good, more = check(entries, there)
    return good, sorted([*faults, *more], key=lambda fault: (isinstance(fault.row, str), fault.row))


def _say(changes: Changes, faults: Sequence[Fault]) -> None:
    said = f"{changes.new} new, {changes.changed} changed, {changes.unchanged} as before"
    typer.echo(f"{said}, {len({fault.row for fault in faults})} bad", err=True)
