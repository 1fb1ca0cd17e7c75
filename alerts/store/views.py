"""What the pages read: cases as people see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from alerts.store.cases import Case, case_of
from alerts.store.episodes import episode_of
from domain.episode import Episode
from runtime.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Whose eyes: one squad's, or everybody's.

    Attributes:
        squad: only this squad's cases; None is all.
        recipients: whose notices count as shown.
    """

    squad: str | None
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """A case with what is needed to show it.

    Attributes:
        case: the case.
        site_name: the site.
        address: where it is.
        squad_name: who has it; empty if nobody.
        step: the last round of notices; None before any.
        told_at: when that was.
        episodes: its episodes, the newest first.
    """

    case: Case
    site_name: str
    address: str
    squad_name: str
    step: int | None
    told_at: datetime | None
    episodes: Sequence[Episode]


_VISIBLE: Final = """
    (%(squad)s::text IS NULL OR c.squad = %(squad)s
     OR EXISTS (SELECT FROM notices n WHERE n.case_id = c.case_id AND n.recipient = %(squad)s))
"""

# Unanswered ones first, the oldest of them on top; what has ended stays a day at the bottom.
_CASES: Final = f"""
    SELECT c.*, s.name AS site_name, s.address, coalesce(q.name, '') AS squad_name, n.step, n.told_at
    FROM cases c JOIN sites s USING (site) LEFT JOIN squads q USING (squad)
    LEFT JOIN LATERAL (
        SELECT step, created_at AS told_at FROM notices
        WHERE case_id = c.case_id AND channel = 'page' AND state <> 'cancelled'
        ORDER BY step DESC LIMIT 1
    ) n ON true
    WHERE {_VISIBLE}
      AND (%(case_id)s::bigint IS NULL OR c.case_id = %(case_id)s)
      AND (%(case_id)s::bigint IS NOT NULL OR c.closed_at IS NULL OR c.closed_at > %(ended_after)s)
    ORDER BY c.closed_at IS NOT NULL, c.state NOT IN ('open', 'notified'), c.occurred_at
    LIMIT 200
"""  # noqa: S608 - put together from this file's own text


async def cases_for(connection: Connection, viewer: Viewer, ended_after: datetime) -> list[CaseView]:
    """The open cases that a viewer may see, and those ended after an instant."""
    return await _views(connection, viewer, None, ended_after)


async def case_for(connection: Connection, viewer: Viewer, case_id: int) -> CaseView | None:
    """One case, if the viewer may see it."""
    found = await _views(connection, viewer, case_id, None)
    return found[0] if found else None


async def may_see(connection: Connection, viewer: Viewer, case_id: int) -> bool:
    """Whether the case exists for this viewer."""
    found = await connection.execute(
        f"SELECT FROM cases c WHERE case_id = %(case_id)s AND {_VISIBLE}",
        {"case_id": case_id, "squad": viewer.squad},
    )
    return await found.fetchone() is not None


async def notices_of(connection: Connection, case_id: int) -> list[dict[str, Any]]:
    """The notices of a case, in the order they were written."""
    found = await connection.execute(
        "SELECT n.*, coalesce(s.name, '') AS squad_name FROM notices n"
        " LEFT JOIN squads s ON s.squad = n.recipient WHERE case_id = %s ORDER BY created_at, step, channel",
        (case_id,),
    )
    return await found.fetchall()


async def squad_names(connection: Connection) -> dict[str, str]:
    """The names of all squads."""
    found = await connection.execute("SELECT squad, name FROM squads")
    return {row["squad"]: row["name"] for row in await found.fetchall()}


async def _views(
    connection: Connection, viewer: Viewer, case_id: int | None, ended_after: datetime | None
) -> list[CaseView]:
    found = await connection.execute(
        _CASES, {"squad": viewer.squad, "case_id": case_id, "ended_after": ended_after}
    )
    rows = await found.fetchall()
    episodes = await _episodes(connection, [row["case_id"] for row in rows])
    return [
        CaseView(
            case=case_of(row),
            site_name=row["site_name"],
            address=row["address"],
            squad_name=row["squad_name"],
            step=row["step"],
            told_at=row["told_at"],
            episodes=episodes.get(row["case_id"], ()),
        )
        for row in rows
    ]


async def _episodes(connection: Connection, case_ids: list[int]) -> dict[int, list[Episode]]:
    found = await connection.execute(
        "SELECT * FROM episodes WHERE case_id = ANY(%s)"
        " ORDER BY state = 'withdrawn', ended_at DESC, started_at, episode_id",
        (case_ids,),
    )
    result: dict[int, list[Episode]] = {}
    for row in await found.fetchall():
        result.setdefault(row["case_id"], []).append(episode_of(row))
    return result
