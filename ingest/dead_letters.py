"""Rejected messages → the table ``rejected``, their bytes as they came, and the ledger."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from domain.report import RejectedMessage, Scope
from ingest.account import account
from ingest.arrival import HOUR_US, to_us
from runtime.database import Connection
from runtime.kafka import Record

Letter = tuple[Record, RejectedMessage]
"""A rejected message and its place in the log."""

_DEAD_LETTER: Final = """
    INSERT INTO rejected (topic, partition, log_offset, payload, origin, received_at, reason, detail,
                          device, scope, factors, source)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


async def store_letters(connection: Connection, topic: str, letters: Sequence[Letter]) -> int:
    """Store rejected messages of one topic.

    Returns:
        How many of them were whole reports.
    """
    async with connection.cursor() as cursor:
        await cursor.executemany(
            _DEAD_LETTER, [(topic, *_letter_row(record, letter)) for record, letter in letters]
        )
    whole = [letter for _, letter in letters if letter.scope is Scope.REPORT]
    refused = Counter((_text(one.device) or "", to_us(one.received_at) // HOUR_US * HOUR_US) for one in whole)
    await account(connection, {place: (0, 0, number) for place, number in refused.items()})
    return len(whole)


def _letter_row(record: Record, letter: RejectedMessage) -> tuple[object, ...]:
    return (
        record.partition,
        record.offset,
        letter.payload,
        letter.origin,
        letter.received_at,
        letter.reason.value,
        _text(letter.detail),
        _text(letter.device),
        letter.scope.value,
        list(letter.factors),
        letter.source,
    )


def _text(said: str | None) -> str | None:
    """Text as PostgreSQL holds it: without NUL."""
    return said.replace("\x00", "\ufffd") if said else said
