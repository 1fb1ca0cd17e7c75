"""Windows to judge again after they were final: a list that outlives a crash, and what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.evaluation import Evaluation
from runtime.database import Connection, Pool, transaction

_INSTANT: Final = timedelta(milliseconds=1)
_HEARD_WITHIN: Final = timedelta(hours=1)
_PAUSE: Final = timedelta(minutes=1)
_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('corrections')) AS mine"
_ASK: Final = (
    "INSERT INTO corrections_due (reason, device, site, area, factor, series, since, until)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)
_KEEP: Final = (
    "INSERT INTO corrections (evaluation_id, revision, device, standard, limit_id, window_start, reasons,"
    " verdict_before, value_before, verdict, value)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)


class Why(StrEnum):
    """What came after a window was final."""

    LATE = "late"  # a reading
    CONTEXT = "context"  # the city's figure
    CALENDAR = "calendar"  # an entry of the calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Windows to judge again: those of a factor that overlap ``[since, until)``.

    Attributes:
        reason: why.
        device: whose; empty is every device of the site or the area.
        site: at one site; empty is everywhere in the area.
        area: prefix of the administrative code; empty is the whole country.
        factor: empty is every factor.
        series: only factors whose limits need this context series; empty is every factor.
        since: start.
        until: end, excluded.
        due_id: its row; 0 before it is stored.
    """

    reason: Why
    since: datetime
    until: datetime
    device: str = ""
    site: str = ""
    area: str = ""
    factor: str = ""
    series: str = ""
    due_id: int = 0


@dataclass(frozen=True, slots=True)
class Correction:
    """A window that says something else now.

    Attributes:
        evaluation: what it says: final, of the next revision.
        before: what it had said; none where it had not been judged.
        reasons: what came late.
    """

    evaluation: Evaluation
    before: Evaluation | None
    reasons: tuple[Why, ...]


def final_before(lateness: timedelta) -> datetime:
    """Windows that start before this may be final; what comes for later ones the engine hears in time.

    It asks for news every few seconds, and is given an hour.
    """
    return datetime.now(UTC) - lateness + _HEARD_WITHIN


def late(windows: Iterable[tuple[str, str, datetime]]) -> list[Due]:
    """Dues for readings that came late: (device, factor, an instant in the window)."""
    return [
        Due(reason=Why.LATE, device=device, factor=factor, since=start, until=start + _INSTANT)
        for device, factor, start in windows
    ]


async def ask(connection: Connection, dues: Iterable[Due]) -> None:
    """Put windows on the list, in the transaction of what made them due."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            _ASK,
            [
                (due.reason, due.device, due.site, due.area, due.factor, due.series, due.since, due.until)
                for due in dues
            ],
        )


async def ask_for_late(pool: Pool, windows: Sequence[tuple[str, str, datetime]]) -> None:
    """Put the windows of late readings on the list."""
    if windows:
        async with transaction(pool) as connection:
            await ask(connection, late(windows))


async def pending(pool: Pool, most: int) -> list[int]:
    """Ids of the oldest dues whose time has come."""
    async with transaction(pool) as connection:
        rows = await connection.execute(
            "SELECT due_id FROM corrections_due WHERE not_before <= now() ORDER BY due_id LIMIT %s", (most,)
        )
        return [row["due_id"] for row in await rows.fetchall()]


async def take(connection: Connection, ids: Sequence[int]) -> list[Due]:
    """These dues, for this transaction alone; none while another process corrects."""
    row = await (await connection.execute(_LOCK)).fetchone()
    if row is None or not row["mine"]:
        return []
    rows = await connection.execute(
        "SELECT due_id, reason, device, site, area, factor, series, since, until FROM corrections_due"
        " WHERE due_id = ANY(%s) ORDER BY due_id",
        (list(ids),),
    )
    return [Due(**(row | {"reason": Why(row["reason"])})) for row in await rows.fetchall()]


async def settle(connection: Connection, done: Iterable[int], later: Mapping[int, datetime]) -> None:
    """Take the done ones off the list; those with a window that is still open come again then."""
    await connection.execute("DELETE FROM corrections_due WHERE due_id = ANY(%s)", (list(done),))
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "UPDATE corrections_due SET not_before = greatest(%s, now() + %s) WHERE due_id = %s",
            [(instant, _PAUSE, due_id) for due_id, instant in later.items()],
        )


async def keep(connection: Connection, corrections: Iterable[Correction]) -> None:
    """Note what final verdicts were replaced."""
    async with connection.cursor() as cursor:
        await cursor.executemany(_KEEP, [_row(correction) for correction in corrections])


def _row(correction: Correction) -> tuple[object, ...]:
    now, before = correction.evaluation, correction.before
    return (
        now.id,
        now.revision,
        now.device,
        now.standard,
        now.limit,
        now.window_start,
        [str(reason) for reason in correction.reasons],
        None if before is None else before.verdict.value,
        None if before is None else before.value,
        now.verdict.value,
        now.value,
    )
