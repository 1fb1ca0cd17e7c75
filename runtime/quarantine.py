"""Dead letters in the database: found again, shown, and marked when they went through after all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from domain.errors import ConfigError
from domain.report import Report, Source
from domain.topics import REJECTED
from runtime.database import Connection, Pool, transaction

_COLUMNS: Final = (
    "topic, partition, log_offset, payload, origin, received_at, reason, detail, device, scope, factors,"
    " source, replayed_at, replayed_as"
)
_WHERE: Final = """
    WHERE (%(device)s::text IS NULL OR device = %(device)s)
      AND (%(reason)s::text IS NULL OR reason = %(reason)s)
      AND (%(since)s::timestamptz IS NULL OR received_at >= %(since)s)
      AND (%(ids)s::text[] IS NULL OR topic || '/' || partition || '/' || log_offset = ANY(%(ids)s))
"""
_NEWEST: Final = f"""
    SELECT {_COLUMNS} FROM rejected {_WHERE} AND (%(replayed)s OR replayed_at IS NULL)
    ORDER BY received_at DESC, topic, partition, log_offset DESC LIMIT %(limit)s
"""  # noqa: S608 - the words are ours
# A message's letters are replayed together: they hold the same bytes, which are decoded once.
_WAITING: Final = f"""
    SELECT DISTINCT ON (received_at, origin, sha256(payload)) received_at, origin, payload, source
    FROM rejected {_WHERE} AND replayed_at IS NULL AND received_at >= %(after)s
      AND (received_at, origin, sha256(payload)) > (%(after)s, %(origin)s, sha256(%(payload)s))
    ORDER BY received_at, origin, sha256(payload) LIMIT %(limit)s
"""  # noqa: S608
_LETTERS: Final = f"""
    SELECT {_COLUMNS} FROM rejected
    WHERE received_at = %s AND origin = %s AND payload = %s AND replayed_at IS NULL
    ORDER BY topic, partition, log_offset FOR UPDATE
"""  # noqa: S608
_MARK: Final = """
    UPDATE rejected SET replayed_at = now(), replayed_as = %s
    WHERE topic = %s AND partition = %s AND log_offset = %s
"""
_STORED: Final = """
    SELECT r.factor FROM readings r JOIN devices d USING (point_id)
    WHERE d.device = %s AND r.at = %s AND r.factor = ANY(%s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which dead letters are meant; what is None is not asked.

    Attributes:
        device: of this device.
        reason: refused for this reason.
        since: received then or later.
        ids: these, as ``letter_id`` names them.
    """

    device: str | None = None
    reason: str | None = None
    since: datetime | None = None
    ids: tuple[str, ...] | None = None

    def values(self) -> dict[str, Any]:
        """For the queries."""
        ids = list(self.ids) if self.ids is not None else None
        return {"device": self.device, "reason": self.reason, "since": self.since, "ids": ids}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message of which something was refused and has not gone through since.

    Attributes:
        received_at: when it came first.
        origin: MQTT topic, ``tcp://host:port``, or ``kafka:readings``.
        payload: its bytes.
        source: by which door.
    """

    received_at: datetime
    origin: str
    payload: bytes
    source: Source | None


def letter_id(row: dict[str, Any]) -> str:
    """What a dead letter is called: its place in the log, ``readings.rejected/0/17``."""
    return f"{row['topic']}/{row['partition']}/{row['log_offset']}"


def full_id(text: str) -> str:
    """An id as typed; ``0/17`` is short for ``readings.rejected/0/17``.

    Raises:
        ConfigError: it is no id.
    """
    topic, *numbers = text.split("/") if text.count("/") == 2 else (REJECTED, *text.split("/"))
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise ConfigError(f"{text!r} is no id of a dead letter; yanchen rejected list prints them")
    return "/".join([topic, *(str(int(number)) for number in numbers)])


async def newest_letters(
    pool: Pool, which: Filter, limit: int, *, replayed: bool = False
) -> list[dict[str, Any]]:
    """The newest dead letters; those that went through since only if asked for."""
    values = {**which.values(), "limit": limit, "replayed": replayed}
    async with transaction(pool) as connection:
        return list(await (await connection.execute(_NEWEST, values)).fetchall())


async def waiting_messages(
    pool: Pool, which: Filter, after: Waiting | None, limit: int = 500
) -> list[Waiting]:
    """The next messages to replay, oldest first, after one that has had its turn."""
    start = after or Waiting(datetime.min.replace(tzinfo=UTC), "", b"", None)
    values = {**which.values(), "limit": limit, "after": start.received_at}
    values |= {"origin": start.origin, "payload": start.payload}
    async with transaction(pool) as connection:
        rows = await (await connection.execute(_WAITING, values)).fetchall()
    return [
        Waiting(
            row["received_at"],
            row["origin"],
            bytes(row["payload"]),
            Source(row["source"]) if row["source"] else None,
        )
        for row in rows
    ]


async def lock_letters(connection: Connection, message: Waiting) -> list[dict[str, Any]]:
    """A message's letters that still wait; nobody else replays them until the transaction ends."""
    key = (message.received_at, message.origin, message.payload)
    return list(await (await connection.execute(_LETTERS, key)).fetchall())


async def mark_replayed(
    connection: Connection, letters: Sequence[dict[str, Any]], became: Sequence[str]
) -> None:
    """They went through again, as these reports."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            _MARK, [(list(became), row["topic"], row["partition"], row["log_offset"]) for row in letters]
        )


async def is_stored(connection: Connection, report: Report) -> bool:
    """Whether every reading of a report is in the store already."""
    values = (report.device, report.instant, list(report.readings))
    rows = await (await connection.execute(_STORED, values)).fetchall()
    return len(rows) == len(report.readings)
