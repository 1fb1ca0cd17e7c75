"""Offsets in the database: effects and the place in the log move in one transaction.

A record is counted once, whatever crashes between the database's commit and the
broker's, and a member that lost its partition without knowing it changes nothing:
the row of each partition is locked, and records below it have had their effect.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from domain.instant import from_ms
from runtime.database import Connection, Pool, transaction
from runtime.kafka import Batch, Place


async def start_offsets(pool: Pool, consumer: str, places: Iterable[Place]) -> dict[Place, int]:
    """Where each place goes on, for those that have begun."""
    query = "SELECT topic, partition, next_offset FROM stream_offsets WHERE consumer = %s"
    async with transaction(pool) as connection:
        rows = await (await connection.execute(query, (consumer,))).fetchall()
    wanted = set(places)
    found = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
    return {place: offset for place, offset in found.items() if place in wanted}


_LOCK: Final = """
    INSERT INTO stream_offsets (consumer, topic, partition, next_offset)
    SELECT %s, %s, partition, 0 FROM unnest(%s::int[]) AS partition
    ON CONFLICT (consumer, topic, partition) DO UPDATE SET next_offset = stream_offsets.next_offset
    RETURNING partition, next_offset
"""
_MOVE: Final = """
    UPDATE stream_offsets SET next_offset = reached.next_offset
    FROM unnest(%s::int[], %s::bigint[]) AS reached (partition, next_offset)
    WHERE (consumer, topic) = (%s, %s) AND stream_offsets.partition = reached.partition
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a transaction may do of a batch.

    Attributes:
        records: those without effect yet, by partition, in the order of the log.
        stood_at: partition → the offset that it had reached before.
    """

    records: Batch
    stood_at: dict[int, int]


async def claim(connection: Connection, consumer: str, topic: str, batch: Batch) -> Claim:
    """Lock the batch's partitions and move their offsets past it.

    The caller writes the effects on the same connection, inside the same transaction.
    """
    # Everybody locks in the order of partitions, and so nobody waits for somebody who waits for him.
    cursor = await connection.execute(_LOCK, (consumer, topic, sorted(batch)))
    stood_at = {row["partition"]: row["next_offset"] for row in await cursor.fetchall()}
    fresh = {
        partition: left
        for partition, records in sorted(batch.items())
        if (left := [record for record in records if record.offset >= stood_at[partition]])
    }
    reached = [records[-1].offset + 1 for records in fresh.values()]
    if fresh:
        await connection.execute(_MOVE, (list(fresh), reached, consumer, topic))
    return Claim(fresh, stood_at)


def ends_of(topic: str, batch: Batch) -> dict[Place, int]:
    """The offsets after a batch, as the group's commit wants them."""
    return {(topic, partition): records[-1].offset + 1 for partition, records in batch.items() if records}


async def save_watermarks(
    pool: Pool, consumer: str, topic: str, reached: Mapping[int, tuple[int, int | None]]
) -> None:
    """Keep partition → (next offset, watermark in epoch ms) of a consumer that replays; never backwards."""
    async with transaction(pool) as connection, connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO stream_offsets (consumer, topic, partition, next_offset, watermark)"
            " VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (consumer, topic, partition) DO UPDATE"
            " SET next_offset = excluded.next_offset, watermark = excluded.watermark"
            " WHERE stream_offsets.next_offset <= excluded.next_offset",
            [
                (consumer, topic, partition, offset, None if ms is None else from_ms(ms))
                for partition, (offset, ms) in sorted(reached.items())
            ],
        )


async def saved_watermarks(pool: Pool, consumer: str, topic: str) -> dict[int, tuple[int, int | None]]:
    """Partition → (next offset, watermark in epoch ms) as last kept."""
    query = (
        "SELECT partition, next_offset, (extract(epoch FROM watermark) * 1000)::bigint AS ms"
        " FROM stream_offsets WHERE consumer = %s AND topic = %s"
    )
    async with transaction(pool) as connection:
        rows = await (await connection.execute(query, (consumer, topic))).fetchall()
    return {row["partition"]: (row["next_offset"], row["ms"]) for row in rows}


async def done_offsets(pool: Pool, consumer: str, topic: str) -> int:
    """How many records of a topic a consumer has handled, over all partitions."""
    query = (
        "SELECT coalesce(sum(next_offset), 0)::bigint AS n FROM stream_offsets"
        " WHERE consumer = %s AND topic = %s"
    )
    async with transaction(pool) as connection:
        row = await (await connection.execute(query, (consumer, topic))).fetchone()
    return int(row["n"]) if row else 0
