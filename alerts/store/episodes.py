"""Episodes as stored, with how their cases stand."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from alerts.decide import Kept, Key
from domain.case import CaseState
from domain.episode import Episode, EpisodeState
from runtime.database import Connection

_KEPT: Final = """
    SELECT ep.*, c.state AS case_state, c.closed_at AS case_closed_at
    FROM episodes ep LEFT JOIN cases c USING (case_id)
    WHERE ep.device = ANY(%s) AND (ep.ended_at >= %s OR ep.state = 'open')
"""

_SAVE: Final = """
    INSERT INTO episodes (episode_id, device, standard, limit_id, factor, state, started_at, ended_at,
                          n_exceed, peak, limit_value, unit, case_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (episode_id) DO UPDATE SET
        state = excluded.state, started_at = excluded.started_at, ended_at = excluded.ended_at,
        n_exceed = excluded.n_exceed, peak = excluded.peak, limit_value = excluded.limit_value,
        case_id = excluded.case_id
"""


async def kept(
    connection: Connection, devices: Sequence[str], ended_after: datetime
) -> dict[Key, list[Kept]]:
    """The episodes of these devices that are open or ended after an instant."""
    found = await connection.execute(_KEPT, (list(devices), ended_after))
    result: dict[Key, list[Kept]] = {}
    for row in await found.fetchall():
        key = Key(row["device"], row["standard"], row["limit_id"])
        result.setdefault(key, []).append(
            Kept(
                episode=episode_of(row),
                case_id=row["case_id"],
                case_state=CaseState(row["case_state"]) if row["case_state"] else None,
                case_closed_at=row["case_closed_at"],
            )
        )
    return result


async def save(connection: Connection, episodes: Iterable[tuple[Episode, int]]) -> None:
    """Store episodes, each with its case."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            _SAVE,
            [
                (
                    *(episode.episode_id, episode.device, episode.standard, episode.limit, episode.factor),
                    *(episode.state, episode.started_at, episode.ended_at, episode.n_exceed),
                    *(episode.peak, episode.limit_value, episode.unit, case_id),
                )
                for episode, case_id in episodes
            ],
        )


async def still_live(connection: Connection, case_ids: Sequence[int]) -> set[int]:
    """Those of the cases that have an episode which is not withdrawn."""
    found = await connection.execute(
        "SELECT DISTINCT case_id FROM episodes WHERE case_id = ANY(%s) AND state <> 'withdrawn'",
        (list(case_ids),),
    )
    return {row["case_id"] for row in await found.fetchall()}


async def of_case(connection: Connection, case_id: int) -> list[Episode]:
    """The episodes of a case, in order of time."""
    found = await connection.execute(
        "SELECT * FROM episodes WHERE case_id = %s ORDER BY started_at, episode_id", (case_id,)
    )
    return [episode_of(row) for row in await found.fetchall()]


def episode_of(row: dict[str, Any]) -> Episode:
    """A row as the domain's episode."""
    return Episode(
        episode_id=row["episode_id"],
        device=row["device"],
        standard=row["standard"],
        limit=row["limit_id"],
        factor=row["factor"],
        state=EpisodeState(row["state"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        n_exceed=row["n_exceed"],
        peak=row["peak"],
        limit_value=row["limit_value"],
        unit=row["unit"],
    )
