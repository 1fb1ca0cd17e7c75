"""The table ``device_days``: the counts behind the daily rates, brought up to date.

A device's day is counted again when the ledger has other reports of it, when an evaluation of it is
newer, and until it is over; so late data change the rates of the day they belong to.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import msgspec
import structlog

from domain import health
from domain.errors import Unavailable
from domain.instant import CHINA
from domain.site import SiteKind
from rules.health_pack import HealthPack
from rules.rates import FRESH_S, LINKED_WITHIN_S, Linkage, due, linkage, machine
from runtime.database import Connection, Pool, transaction

log = structlog.get_logger()

_MACHINES: Final = ("fan_on", "fan_current", "purifier_on", "purifier_current")
_EVERY_S: Final = 900.0
_LOOK_BACK_DAYS: Final = 8
_NOTHING: Final = ((), ())

# Evaluations are stamped when their transaction begins and seen when it ends: hence the five minutes.
_CHANGED: Final = """
    SELECT d.device, d.point_id, d.interval_s, s.kind
    FROM devices d JOIN sites s USING (site)
    LEFT JOIN device_days r ON r.device = d.device AND r.day = %(day)s
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(stored), 0) AS stored FROM ledger
        WHERE ledger.device = d.device
          AND hour >= %(begin)s - interval '1 hour' AND hour < %(end)s + interval '1 hour'
    ) l ON true
    LEFT JOIN LATERAL (
        SELECT max(stored_at) AS stored_at FROM evaluations e
        WHERE e.device = d.device AND e.window_start >= %(begin)s AND e.window_start < %(end)s
    ) e ON true
    WHERE d.enabled AND (r.device IS NULL OR l.stored <> r.stored
                         OR e.stored_at > r.computed_at - interval '5 minutes'
                         OR r.computed_at < %(end)s + interval '15 minutes')
    ORDER BY d.device
"""
_COUNT: Final = """
    SELECT (SELECT coalesce(sum(stored), 0) FROM ledger WHERE device = %(device)s
            AND hour >= %(begin)s - interval '1 hour' AND hour < %(end)s + interval '1 hour') AS stored,
           (SELECT count(*) FROM reports WHERE point_id = %(point_id)s AND at >= %(begin)s AND at < %(end)s)
           AS heard,
           (SELECT count(*)
            FROM reports, unnest(%(opened)s::timestamptz[], %(closed)s::timestamptz[]) AS h(a, b)
            WHERE point_id = %(point_id)s AND at >= h.a AND at < h.b
              AND at >= %(begin)s AND at < %(end)s) AS reported,
           count(*) FILTER (WHERE verdict IN ('pass', 'exceed')) AS windows,
           count(*) FILTER (WHERE verdict = 'exceed') AS exceeding
    FROM evaluations
    WHERE device = %(device)s AND factor <> %(health)s
      AND window_start >= %(begin)s AND window_start < %(end)s
"""
_READINGS: Final = """
    SELECT factor, array_agg(extract(epoch FROM at)::float8 ORDER BY at) AS at,
           array_agg(value ORDER BY at) AS value
    FROM readings
    WHERE point_id = %(point_id)s AND factor = ANY(%(factors)s) AND flag = 'N'
      AND at >= %(begin)s - %(before)s AND at <= %(end)s + %(after)s
    GROUP BY factor
"""
_COLUMNS: Final = (
    *("device", "day", "heard", "expected", "reported", "windows", "exceeding"),
    *("fan_minutes", "purified_minutes", "fan_starts", "linked_starts", "stored", "computed_at"),
)
_KEEP: Final = f"""
    INSERT INTO device_days ({", ".join(_COLUMNS)}) VALUES ({", ".join(f"%({name})s" for name in _COLUMNS)})
    ON CONFLICT (device, day) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:])}
"""  # noqa: S608 - the names are constants of this file


async def bring_up_to_date(pool: Pool, day: date, pack: HealthPack, now: datetime | None = None) -> int:
    """Count the day again of every device for which something has changed; how many there were.

    Args:
        pool: the database.
        day: local day.
        pack: says in which hours a device must report, and what current a resting machine draws.
        now: the present; of today only the reports due by now are expected.

    Raises:
        Unavailable: the database is away.
    """
    now = now or datetime.now(UTC)
    begin = datetime.combine(day, time(), CHINA)
    if begin > now:
        return 0
    span = {"day": day, "begin": begin, "end": begin + timedelta(days=1)}
    async with transaction(pool) as connection:
        devices = await (await connection.execute(_CHANGED, span)).fetchall()
    for device in devices:
        async with transaction(pool) as connection:  # one each, so that nobody waits for the whole city
            await _count(connection, device, span, pack, now)
    return len(devices)


async def keep_rates(pool: Pool, pack: HealthPack) -> None:
    """Keep today and yesterday up to date, and after midnight the last eight days, for ever."""
    seen: date | None = None
    while True:
        today = datetime.now(CHINA).date()
        days = 2 if seen == today else _LOOK_BACK_DAYS
        try:
            for back in range(days):
                await bring_up_to_date(pool, today - timedelta(days=back), pack)
            seen = today
        except Unavailable as error:
            log.warning("rates_not_counted", error=str(error))
        await asyncio.sleep(_EVERY_S)


def hours(pack: HealthPack, kind: SiteKind) -> tuple[tuple[int, int], ...]:
    """Minutes of the day in which a device must report: those in which its silence counts."""
    spans = (rule.spans for rule in pack.rule if rule.finds == "silence" and kind in rule.kinds)
    return next(spans, ())


async def _count(
    connection: Connection,
    device: Mapping[str, Any],
    span: Mapping[str, Any],
    pack: HealthPack,
    now: datetime,
) -> None:
    begin: datetime = span["begin"]
    spans = hours(pack, SiteKind(device["kind"])) or ((0, 1440),)
    passed = min(int((now - begin).total_seconds()), 86_400)
    told = {
        **device,
        **span,
        "computed_at": now,
        "health": health.FACTOR,
        "opened": [begin + timedelta(minutes=opened) for opened, _ in spans],
        "closed": [begin + timedelta(minutes=closed) for _, closed in spans],
    }
    row = await (await connection.execute(_COUNT, told)).fetchone()
    assert row is not None, "an aggregate has one row"
    expected = due(spans, device["interval_s"], passed)
    found = await _linkage(connection, device, span, pack)
    counted = {"expected": expected, "reported": min(row["reported"], expected)}
    await connection.execute(_KEEP, told | row | counted | msgspec.structs.asdict(found))


async def _linkage(
    connection: Connection, device: Mapping[str, Any], span: Mapping[str, Any], pack: HealthPack
) -> Linkage:
    """How fan and purifier of a device went together."""
    asked = {
        **device,
        **span,
        "factors": list(_MACHINES),
        "before": timedelta(seconds=FRESH_S),
        "after": timedelta(seconds=LINKED_WITHIN_S),
    }
    rows = await (await connection.execute(_READINGS, asked)).fetchall()
    series: dict[str, tuple[Sequence[float], Sequence[float]]] = {
        row["factor"]: (row["at"], row["value"]) for row in rows
    }
    fan, fan_current, purifier, purifier_current = (series.get(name, _NOTHING) for name in _MACHINES)
    begin, end = (int(span[name].timestamp()) for name in ("begin", "end"))
    return linkage(
        machine(fan, fan_current, pack.idle_current),
        machine(purifier, purifier_current, pack.idle_current),
        begin,
        end,
    )
