"""Offsets in the database: effects and the place in the log move in one transaction.

A record is counted once, whatever crashes between the database's commit and the
broker's, and a member that lost its partition without knowing it changes nothing:
the row of each partition is locked, and records below it have had their effect.
"""

from collections.abc import Iterable, Mapping

from domain.instant import from_ms
from runtime.database import Connection, Pool, transaction
from runtime.kafka import Batch, Place, Record


async def start_offsets(pool: Pool, consumer: str, places: Iterable[Place]) -> dict[Place, int]:
    """Where each place goes on, for those that have begun."""
    query = "SELECT topic, partition, next_offset FROM stream_offsets WHERE consumer = %s"
    async with transaction(pool) as connection:
        rows = await (await connection.execute(query, (consumer,))).fetchall()
    wanted = set(places)
    found = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
    return {place: offset for place, offset in found.items() if place in wanted}


async def claim(connection: Connection, consumer: str, topic: str, batch: Batch) -> list[Record]:
    """Lock the batch's partitions, move their offsets past it, and give the records without effect yet.

    The caller writes the effects on the same connection, inside the same transaction.
    """
    fresh: list[Record] = []
    for partition, records in sorted(batch.items()):
        begun = await connection.execute(
            "INSERT INTO stream_offsets (consumer, topic, partition, next_offset) VALUES (%s, %s, %s, 0)"
            " ON CONFLICT (consumer, topic, partition) DO UPDATE SET next_offset = stream_offsets.next_offset"
            " RETURNING next_offset",
            (consumer, topic, partition),
        )
        row = await begun.fetchone()
        done = row["next_offset"] if row else 0
        new = [record for record in records if record.offset >= done]
        if new:
            await connection.execute(
                "UPDATE stream_offsets SET next_offset = %s"
                " WHERE (consumer, topic, partition) = (%s, %s, %s)",
                (new[-1].offset + 1, consumer, topic, partition),
            )
            fresh += new
    return fresh


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
