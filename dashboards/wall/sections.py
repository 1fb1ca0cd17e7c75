"""What the wall reads, section by section, and how often each is worth reading again."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboards.queries import load
from domain.factors import FACTORS
from runtime.database import Connection

Row = dict[str, Any]
Read = Callable[[Connection], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the state.

    Attributes:
        name: its key in the state.
        period_s: read again after so many seconds.
        read: how.
    """

    name: str
    period_s: float
    read: Read


async def query(connection: Connection, name: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """The rows of a query file."""
    return await (await connection.execute(load(name).encode(), parameters)).fetchall()


def _rows(name: str) -> Read:
    async def read(connection: Connection) -> list[Row]:
        return await query(connection, name)

    return read


def _row(name: str) -> Read:
    async def read(connection: Connection) -> Row:
        return (await query(connection, name))[0]

    return read


async def _status(connection: Connection) -> dict[str, str]:
    return {row["site"]: row["state"] for row in await query(connection, "wall/status")}


async def _charts(connection: Connection) -> list[Row]:
    return [await _chart(connection, worst) for worst in await query(connection, "wall/worst")]


async def _chart(connection: Connection, worst: Row) -> Row:
    readings = await query(connection, "wall/curve", worst)
    windows = await query(connection, "wall/windows", worst)
    return worst | {
        "readings": [(row["at"], row["value"]) for row in readings],
        "windows": [(row["at"], row["value"], row["limit_value"], row["verdict"]) for row in windows],
    }


SECTIONS: Final = (
    Section("feed", 1, _rows("wall/feed")),
    Section("cases", 1, _rows("wall/cases")),
    Section("counts", 2, _row("wall/counts")),
    Section("status", 2, _status),
    Section("freshness", 10, _row("wall/freshness")),
    Section("charts", 10, _charts),
    Section("trend", 10, _rows("wall/trend")),
    Section("places", 15, _rows("wall/places")),
    Section("outlines", 300, _rows("wall/outlines")),
)
"""Sections in the order of their urgency."""


async def read_site(connection: Connection, site: str) -> Row | None:
    """One site for its panel: devices, newest readings and verdicts, cases; None if there is no such site."""
    found = await query(connection, "wall/site", {"site": site})
    if not found:
        return None
    asked = {"site": site, "factors": list(FACTORS)}
    return found[0] | {
        part: await query(connection, f"wall/site_{part}", asked)
        for part in ("devices", "readings", "verdicts", "cases")
    }
