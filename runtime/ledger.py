"""The loss ledger (台账): what became of every report, by device and hour.

The writer counts what was stored, refused and repeated; the device's own numbers say what
is missing. The formulas are in migration ``0007.ledger`` and, for people, in docs/ledger.md.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
import structlog

from domain.errors import Unavailable
from domain.site import Protocol
from runtime.database import Pool, transaction
from runtime.metrics import LEDGER

log = structlog.get_logger()

_HOURS_AT_ONCE: Final = 10_000
_COUNTS: Final = ("published", "stored", "rejected", "duplicate", "missing", "late")
_ONE_DAY: Final = timedelta(days=1)


class By(StrEnum):
    """What a line of the ledger stands for."""

    HOUR = "hour"  # a device and an hour
    DEVICE = "device"
    ALL = "all"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the ledger; ``published = stored + rejected + duplicate + missing``.

    Attributes:
        device: the device; empty where refused bytes name none, null for all together.
        hour: start of the hour; null for all hours together.
        published: reports the device has sent, repeats included.
        stored: kept in the database.
        rejected: refused, their bytes kept.
        duplicate: came again; kept once.
        missing: sent and not here.
        late: of the stored ones, those received more than 10 min after they were measured.
        estimated: ``missing`` rests, in part at least, on the reporting interval and not on numbers.
    """

    device: str | None = None
    hour: datetime | None = None
    published: int = 0
    stored: int = 0
    rejected: int = 0
    duplicate: int = 0
    missing: int = 0
    late: int = 0
    estimated: bool = False


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Reports missing between two stored ones.

    Attributes:
        device: the device.
        before_at: measuring time of the last report before it.
        after_at: measuring time of the first report after it.
        missing: how many are missing in between.
        estimated: by the reporting interval, not by numbers.
    """

    device: str
    before_at: datetime
    after_at: datetime
    missing: int
    estimated: bool


async def bring_up_to_date(pool: Pool) -> int:
    """Look for gaps in every hour whose count has changed since the last time.

    Returns:
        How many hours of devices were looked at.

    Raises:
        Unavailable: the database is away.
    """
    total = 0
    while True:
        async with transaction(pool) as connection:
            answer = await connection.execute("SELECT account_hours(%s) AS n", (_HOURS_AT_ONCE,))
            row = await answer.fetchone()
        done = int(row["n"]) if row else 0
        total += done
        if done < _HOURS_AT_ONCE:
            return total


async def read_ledger(
    pool: Pool, since: datetime, until: datetime, *, by: By = By.HOUR, device: str | None = None
) -> list[Account]:
    """The account of the hours that begin in ``[since, until)``, ``since`` cut to its hour.

    Args:
        pool: the database.
        since: begin.
        until: end.
        by: what a line stands for.
        device: this device only.

    Raises:
        Unavailable: the database is away.
    """
    keys = {By.HOUR: ("device", "hour"), By.DEVICE: ("device",), By.ALL: ()}[by]
    sums = [f"coalesce(sum({name}), 0)::bigint AS {name}" for name in _COUNTS]
    columns = ", ".join([*keys, *sums, "coalesce(bool_or(estimated), false) AS estimated"])
    grouping = f"GROUP BY {', '.join(keys)} ORDER BY {', '.join(keys)}" if keys else ""
    # The names are ours; values travel as parameters.
    query = f"SELECT {columns} FROM ledger_hours(%s, %s, %s) {grouping}"  # noqa: S608
    async with transaction(pool) as connection:
        rows = await (await connection.execute(query.encode(), (since, until, device))).fetchall()
    return [Account(**row) for row in rows]


async def read_gaps(pool: Pool, since: datetime, protocol: Protocol | None = None) -> list[Gap]:
    """Gaps that end at ``since`` or later and that no refusal explains, by device, oldest first.

    Raises:
        Unavailable: the database is away.
    """
    query = (
        "SELECT device, before_at, after_at, width - cardinality(explained) AS missing, estimated"
        " FROM explained_gaps(%s) JOIN devices d USING (device)"
        " WHERE width > cardinality(explained) AND d.enabled AND (%s::text IS NULL OR d.protocol = %s)"
        " ORDER BY device, before_at"
    )
    async with transaction(pool) as connection:
        rows = await (await connection.execute(query, (since, protocol, protocol))).fetchall()
    return [Gap(**row) for row in rows]


async def ledger_totals(pool: Pool, span: timedelta = _ONE_DAY) -> Account:
    """The account of all devices over the last ``span``, brought up to date first.

    Raises:
        Unavailable: the database is away.
    """
    await bring_up_to_date(pool)
    now = datetime.now(UTC)
    (total,) = await read_ledger(pool, now - span, now, by=By.ALL)
    return total


async def keep_gauges(pool: Pool, every_s: float = 60.0) -> None:
    """Export the totals of the last 24 h as gauges, for ever; an absent database leaves them as they are."""
    while True:
        try:
            totals = await ledger_totals(pool)
        except Unavailable as error:
            log.warning("ledger_not_read", error=str(error))
        else:
            for name in _COUNTS:
                LEDGER.labels(name).set(getattr(totals, name))
        await asyncio.sleep(every_s)
