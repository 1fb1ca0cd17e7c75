"""How far the clocks of devices are off, from when their reports were measured and received.

A report needs a moment to come, never less than none, and some need longer: so the lowest
tenth of ``received_at - at`` is what the clocks differ by, and what lies above it is the
way. A backlog says nothing of the clock and is left out: its reports were received within
a moment of each other though they were measured apart.
"""

from datetime import datetime
from typing import Final

import msgspec

from runtime.database import Pool, transaction

FEWEST: Final = 5
"""Timely reports that an estimate needs."""

_QUERY: Final = """
    SELECT d.device, -o.low AS skew_s, o.high - o.low AS spread_s, o.n
    FROM devices d, LATERAL (
        SELECT count(*) AS n,
               percentile_cont(0.1) WITHIN GROUP (ORDER BY offset_s) AS low,
               percentile_cont(0.9) WITHIN GROUP (ORDER BY offset_s) AS high
        FROM (
            SELECT extract(epoch FROM received_at - at)::double precision AS offset_s,
                   lead(at) OVER ordered - at AS measured_apart,
                   lead(received_at) OVER ordered - received_at AS received_apart
            FROM reports
            WHERE point_id = d.point_id AND at >= %(since)s
            WINDOW ordered AS (ORDER BY at)
        ) AS r
        WHERE received_apart IS NULL OR received_apart >= measured_apart / 2
    ) AS o
    WHERE d.enabled AND o.n >= %(fewest)s AND abs(o.low) > %(over)s
    ORDER BY abs(o.low) DESC, d.device
"""


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a device's clock.

    Attributes:
        device: the device.
        skew_s: seconds by which its clock is ahead; negative where it is behind, or where its
            times are the begin of an interval that it sends at the end.
        spread_s: seconds between the fastest and the slowest tenth of its reports: the way.
        n: timely reports that the estimate rests on.
    """

    device: str
    skew_s: float
    spread_s: float
    n: int


async def read_clocks(pool: Pool, since: datetime, over_s: float = -1.0) -> list[Clock]:
    """Clocks that are off by more than ``over_s`` seconds, the worst first.

    Args:
        pool: the database.
        since: only reports measured since then.
        over_s: seconds; below 0 lists all.

    Raises:
        Unavailable: the database is away.
    """
    told = {"since": since, "fewest": FEWEST, "over": over_s}
    async with transaction(pool) as connection:
        rows = await (await connection.execute(_QUERY, told)).fetchall()
    return [Clock(**row) for row in rows]
