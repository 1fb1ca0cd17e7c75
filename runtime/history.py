"""What is stored of stretches of time: readings as reports, and what was last published of them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from domain.evaluation import Evaluation
from domain.instant import from_ms, to_ms
from domain.report import Report
from runtime.database import Connection
from runtime.evaluations import evaluation_of


class Stretch(NamedTuple):
    """Time of one device's factor, epoch ms, the end excluded; and the point where its readings lie."""

    device: str
    point_id: int
    factor: str
    since_ms: int
    until_ms: int


# The bounds let TimescaleDB leave out chunks, which it cannot do from the joined values.
_READINGS: Final = """
    SELECT k.device, r.factor, (extract(epoch FROM r.at) * 1000)::bigint AS at, r.value, r.flag::text AS flag
    FROM unnest(%s::text[], %s::int[], %s::text[], %s::timestamptz[], %s::timestamptz[])
         AS k (device, point_id, factor, since, until)
    JOIN readings r ON r.point_id = k.point_id AND r.factor = k.factor AND r.at >= k.since AND r.at < k.until
    WHERE r.at >= %s AND r.at < %s
"""
_EVALUATIONS: Final = """
    SELECT e.* FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
         AS k (device, factor, since, until)
    JOIN evaluations e ON e.device = k.device AND e.factor = k.factor
         AND e.window_start >= k.since AND e.window_start < k.until
    WHERE e.window_start >= %s AND e.window_start < %s
"""
_NEXT: Final = """
    SELECT k.device, k.factor, k.since, k.until,
           (extract(epoch FROM min(e.window_start)) * 1000)::bigint AS first
    FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
         AS k (device, factor, since, until)
    JOIN evaluations e ON e.device = k.device AND e.factor = k.factor
         AND e.window_start > k.since AND e.window_end - e.window_start = k.until - k.since
    WHERE e.window_start > %s AND e.window_start < %s + interval '31 days'
    GROUP BY k.device, k.factor, k.since, k.until
"""


async def stored_reports(connection: Connection, stretches: Sequence[Stretch]) -> list[Report]:
    """The stored readings, each as a report of its own."""
    device, point, factor, since, until = zip(*stretches, strict=True)
    begins, ends = [from_ms(ms) for ms in since], [from_ms(ms) for ms in until]
    rows = await connection.execute(
        _READINGS, (list(device), list(point), list(factor), begins, ends, min(begins), max(ends))
    )
    return [
        Report(
            row["device"],
            row["at"],
            {row["factor"]: row["value"]},
            {} if row["flag"] == "N" else {row["factor"]: row["flag"]},
        )
        for row in await rows.fetchall()
    ]


async def stored_evaluations(connection: Connection, stretches: Sequence[Stretch]) -> list[Evaluation]:
    """The last evaluation of each limit and window that starts in the stretches."""
    device, _, factor, since, until = zip(*stretches, strict=True)
    begins, ends = [from_ms(ms) for ms in since], [from_ms(ms) for ms in until]
    rows = await connection.execute(
        _EVALUATIONS, (list(device), list(factor), begins, ends, min(begins), max(ends))
    )
    return [evaluation_of(row) for row in await rows.fetchall()]


async def next_judged(
    connection: Connection, windows: Sequence[Stretch]
) -> dict[tuple[str, str, int, int], int]:
    """Device, factor, start and end of a window → start of the next of its length that is judged (ms)."""
    device, _, factor, since, until = zip(*windows, strict=True)
    begins, ends = [from_ms(ms) for ms in since], [from_ms(ms) for ms in until]
    rows = await connection.execute(
        _NEXT, (list(device), list(factor), begins, ends, min(begins), max(begins))
    )
    return {
        (row["device"], row["factor"], to_ms(row["since"]), to_ms(row["until"])): row["first"]
        for row in await rows.fetchall()
    }
