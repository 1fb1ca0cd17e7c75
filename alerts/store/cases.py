"""Cases as stored: opening, finding, moving.

Locks are taken in one order by everybody: sites, cases by number, notices. So nobody waits in a circle.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from domain.case import OPEN_STATES, CaseState, Nuisance
from runtime.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case (案件).

    Attributes:
        case_id: its number.
        site: the site.
        nuisance: what it is about; a site has one open case of each.
        state: where it stands.
        squad: who has it; None if nobody owns the cell.
        first_offence: the first of its kind at the site in the period (首违).
        occurred_at: start of the first exceeding window.
        opened_at: when it was opened.
        closed_at: when it ended.
        escalation: steps of the ladder taken.
    """

    case_id: int
    site: str
    nuisance: Nuisance
    state: CaseState
    squad: str | None
    first_offence: bool
    occurred_at: datetime
    opened_at: datetime
    closed_at: datetime | None
    escalation: int

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state in OPEN_STATES


@dataclass(frozen=True, slots=True)
class Located:
    """Where a device stands.

    Attributes:
        site: the site.
        grid_code: the site's grid cell.
    """

    site: str
    grid_code: str


# Whoever opens cases at a site holds the site's row: two partitions cannot open two.
_LOCK_SITES: Final = """
    SELECT site, grid_code FROM sites
    WHERE site IN (SELECT site FROM devices WHERE device = ANY(%s))
    ORDER BY site FOR NO KEY UPDATE
"""


async def lock_sites(connection: Connection, devices: Iterable[str]) -> dict[str, Located]:
    """Hold the sites of these devices until the transaction ends; unknown devices are left out."""
    names = list(devices)
    found = await connection.execute(_LOCK_SITES, (names,))
    sites = {row["site"]: Located(row["site"], row["grid_code"]) for row in await found.fetchall()}
    standing = await connection.execute("SELECT device, site FROM devices WHERE device = ANY(%s)", (names,))
    return {row["device"]: sites[row["site"]] for row in await standing.fetchall() if row["site"] in sites}


async def open_at(connection: Connection, sites: Iterable[str]) -> dict[tuple[str, Nuisance], Case]:
    """Hold and give the open case of each site and nuisance."""
    found = await connection.execute(
        "SELECT * FROM cases WHERE site = ANY(%s) AND state NOT IN ('closed', 'withdrawn')"
        " ORDER BY case_id FOR UPDATE",
        (list(sites),),
    )
    cases = [case_of(row) for row in await found.fetchall()]
    return {(case.site, case.nuisance): case for case in cases}


async def lock(connection: Connection, case_id: int) -> Case | None:
    """Hold one case until the transaction ends."""
    found = await connection.execute("SELECT * FROM cases WHERE case_id = %s FOR UPDATE", (case_id,))
    row = await found.fetchone()
    return case_of(row) if row else None


async def offended_since(connection: Connection, site: str, nuisance: Nuisance, since: datetime) -> bool:
    """Whether the site had a case of this kind, not withdrawn, that began after an instant."""
    found = await connection.execute(
        "SELECT FROM cases WHERE site = %s AND nuisance = %s AND state <> 'withdrawn'"
        " AND occurred_at >= %s LIMIT 1",
        (site, nuisance, since),
    )
    return await found.fetchone() is not None


async def insert(
    connection: Connection,
    *,
    site: str,
    nuisance: Nuisance,
    squad: str | None,
    first_offence: bool,
    occurred_at: datetime,
    opened_at: datetime,
) -> Case:
    """A new open case."""
    found = await connection.execute(
        "INSERT INTO cases (site, nuisance, state, squad, first_offence, occurred_at, opened_at)"
        " VALUES (%s, %s, 'open', %s, %s, %s, %s) RETURNING *",
        (site, nuisance, squad, first_offence, occurred_at, opened_at),
    )
    row = await found.fetchone()
    assert row is not None
    return case_of(row)


async def set_state(connection: Connection, case_id: int, state: CaseState, at: datetime) -> None:
    """Move a held case; whoever calls has asked ``check_transition`` and writes the event."""
    ended = None if state in OPEN_STATES else at
    await connection.execute(
        "UPDATE cases SET state = %s, closed_at = %s WHERE case_id = %s", (state, ended, case_id)
    )


async def set_escalation(connection: Connection, case_id: int, taken: int, squad: str | None) -> None:
    """Remember the steps of the ladder taken, and who has the case now."""
    await connection.execute(
        "UPDATE cases SET escalation = %s, squad = %s WHERE case_id = %s", (taken, squad, case_id)
    )


def case_of(row: dict[str, Any]) -> Case:
    """A row as a case."""
    return Case(
        **{name: row[name] for name in Case.__slots__ if name not in ("nuisance", "state")},
        nuisance=Nuisance(row["nuisance"]),
        state=CaseState(row["state"]),
    )
