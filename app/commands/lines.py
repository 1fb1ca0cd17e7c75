"""Data on standard output: a table for eyes on a terminal, JSON lines for everything else."""

import sys
from collections.abc import Sequence
from datetime import datetime

import msgspec
from rich.console import Console
from rich.table import Table

from domain.instant import iso


def show(rows: Sequence[msgspec.Struct]) -> None:
    """Print structs of one type, one a line."""
    if not rows:
        return
    if sys.stdout.isatty():
        Console().print(table(rows))
        return
    for row in rows:
        print(
            msgspec.json.encode({name: _plain(getattr(row, name)) for name in row.__struct_fields__}).decode()
        )


def table(rows: Sequence[msgspec.Struct]) -> Table:
    """Structs of one type, at least one, as a table."""
    found = Table()
    for name in rows[0].__struct_fields__:
        number = isinstance(getattr(rows[0], name), int | float)
        found.add_column(name, justify="right" if number else "left")
    for row in rows:
        found.add_row(*map(_cell, msgspec.structs.astuple(row)))
    return found


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_cell, value))
    return "" if value is None else str(_plain(value))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    return round(value, 3) if isinstance(value, float) else value
