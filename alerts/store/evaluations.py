"""Evaluations as stored: what stands, what replaces it, and what a fold reads."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from alerts.decide import Key, key_of
from alerts.revision import Standing
from domain.evaluation import Evaluation, Verdict
from runtime.database import Connection
from runtime.evaluations import evaluation_of

_COLUMNS: Final = (
    "device, standard, limit_id, factor, window_start, window_end, statistic, value, limit_value, unit,"
    " verdict, n_valid, n_expected, adjustments, clause, revision, final"
)

# The bounds let TimescaleDB leave out chunks, which it cannot do from the joined values.
_STANDING: Final = """
    SELECT e.id, e.revision, e.final, e.verdict
    FROM unnest(%(device)s::text[], %(standard)s::text[], %(limit)s::text[], %(start)s::timestamptz[])
         AS k (device, standard, limit_id, window_start)
    JOIN evaluations e USING (device, standard, limit_id, window_start)
    WHERE e.window_start BETWEEN %(earliest)s AND %(latest)s
"""

_WRITE: Final = f"""
    INSERT INTO evaluations (id, {_COLUMNS})
    SELECT * FROM unnest(
        %(id)s::uuid[], %(device)s::text[], %(standard)s::text[], %(limit)s::text[], %(factor)s::text[],
        %(window_start)s::timestamptz[], %(window_end)s::timestamptz[], %(statistic)s::text[],
        %(value)s::float8[], %(limit_value)s::float8[], %(unit)s::text[], %(verdict)s::text[],
        %(n_valid)s::int[], %(n_expected)s::int[], %(adjustments)s::text[]::jsonb[], %(clause)s::text[],
        %(revision)s::int[], %(final)s::bool[])
    ON CONFLICT (device, standard, limit_id, window_start) DO UPDATE SET
        window_end = excluded.window_end, statistic = excluded.statistic, value = excluded.value,
        limit_value = excluded.limit_value, unit = excluded.unit, verdict = excluded.verdict,
        n_valid = excluded.n_valid, n_expected = excluded.n_expected, adjustments = excluded.adjustments,
        clause = excluded.clause, revision = excluded.revision, final = excluded.final, stored_at = now()
    WHERE (excluded.revision, excluded.final) > (evaluations.revision, evaluations.final)
"""  # noqa: S608 - the names are constants of this file

_SINCE: Final = f"""
    SELECT {_COLUMNS}
    FROM unnest(%(device)s::text[], %(standard)s::text[], %(limit)s::text[], %(begin)s::timestamptz[])
         AS k (device, standard, limit_id, begin)
    JOIN evaluations e USING (device, standard, limit_id)
    WHERE e.window_start >= k.begin AND e.window_start >= %(earliest)s
    ORDER BY device, standard, limit_id, window_start
"""  # noqa: S608 - the names are constants of this file


async def standing(connection: Connection, batch: Sequence[Evaluation]) -> dict[uuid.UUID, Standing]:
    """What is stored of the windows of a batch."""
    starts = [evaluation.window_start for evaluation in batch]
    found = await connection.execute(
        _STANDING,
        {
            "device": [evaluation.device for evaluation in batch],
            "standard": [evaluation.standard for evaluation in batch],
            "limit": [evaluation.limit for evaluation in batch],
            "start": starts,
            "earliest": min(starts),
            "latest": max(starts),
        },
    )
    return {
        row["id"]: Standing(row["revision"], row["final"], Verdict(row["verdict"]))
        for row in await found.fetchall()
    }


async def write(connection: Connection, evaluations: Iterable[Evaluation]) -> None:
    """Store evaluations; one that a newer revision has replaced is left out."""
    # In the order of the key: it doubles the speed of the conflict path.
    rows = sorted(evaluations, key=lambda e: (e.device, e.standard, e.limit, e.window_start))
    columns: dict[str, Any] = {
        name: [getattr(row, name) for row in rows] for name in Evaluation.__struct_fields__
    }
    columns["verdict"] = [row.verdict.value for row in rows]
    columns["adjustments"] = [msgspec.json.encode(row.adjustments).decode() for row in rows]
    columns["id"] = [row.id for row in rows]
    await connection.execute(_WRITE, columns)


async def since(connection: Connection, begins: Mapping[Key, Any]) -> dict[Key, list[Evaluation]]:
    """The evaluations of each limit from its instant on, in the order of their windows."""
    found = await connection.execute(
        _SINCE,
        {
            "device": [key.device for key in begins],
            "standard": [key.standard for key in begins],
            "limit": [key.limit for key in begins],
            "begin": list(begins.values()),
            "earliest": min(begins.values()),
        },
    )
    result: dict[Key, list[Evaluation]] = {key: [] for key in begins}
    for row in await found.fetchall():
        evaluation = evaluation_of(row)
        result[key_of(evaluation)].append(evaluation)
    return result
