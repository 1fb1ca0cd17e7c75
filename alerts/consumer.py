"""Evaluations from the log into cases: one batch, one transaction, its offsets in it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog

from alerts import casework
from alerts.decide import changes, earliest_of_interest, to_fold, to_read
from alerts.policy import Policy
from alerts.revision import judged, newest
from alerts.store import episodes, evaluations
from domain.codec import decode_evaluation
from domain.evaluation import Evaluation
from domain.topics import EVALUATIONS
from runtime.database import Connection, Pool, transaction
from runtime.kafka import Batch, Record, Stream, records_of
from runtime.metrics import EVENT_LAG
from runtime.offsets import claim, ends_of

log = structlog.get_logger()

CONSUMER: Final = "alerts"
"""Name of the consumer group, and of our rows in ``stream_offsets``."""

_MOST: Final = 2000


async def consume(pool: Pool, stream: Stream, policy: Policy) -> None:
    """Handle batches for ever.

    Raises:
        Unavailable: Kafka or the database is away; nothing is half done.
    """
    while True:
        taken = await stream.take(most=_MOST)
        batch = taken.get(EVALUATIONS, {})
        if batch:
            await handle(pool, batch, policy, datetime.now(UTC))
            await stream.commit(ends_of(EVALUATIONS, batch))


async def handle(pool: Pool, batch: Batch, policy: Policy, now: datetime) -> None:
    """Give a batch its effect, once, whatever was committed before."""
    async with transaction(pool) as connection:
        claimed = await claim(connection, CONSUMER, EVALUATIONS, batch)
        fresh = decoded(records_of(claimed.records))
        await take_in(connection, fresh, policy=policy, now=now)
    if fresh:
        newest_end = max(evaluation.window_end for evaluation in fresh)
        EVENT_LAG.labels(CONSUMER).set((now - newest_end).total_seconds())


def decoded(records: Iterable[Record]) -> list[Evaluation]:
    """The records' evaluations; what is none is our bug, is said, and does not stop the city."""
    found = []
    for record in records:
        try:
            found.append(decode_evaluation(record.value))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            log.exception("evaluation_unreadable", partition=record.partition, offset=record.offset)
    return found


async def take_in(
    connection: Connection, batch: Sequence[Evaluation], *, policy: Policy, now: datetime
) -> None:
    """Store evaluations, fold again what they touch, and let the cases follow."""
    if not batch:
        return
    windows = newest(batch)
    counting = judged(windows, await evaluations.standing(connection, list(windows.values())))
    if not counting:
        return
    await evaluations.write(connection, [item.evaluation for item in counting])
    devices = sorted({item.evaluation.device for item in counting})
    kept = await episodes.kept(connection, devices, earliest_of_interest(counting, policy.rule))
    begins = to_fold(counting, kept, policy.rule)
    if not begins:
        return
    found = [
        change
        for key, rows in (await evaluations.since(connection, to_read(begins, policy.rule))).items()
        for change in changes(rows, kept.get(key, ()), begins[key], policy.rule)
    ]
    if found:
        await casework.apply(connection, found, policy=policy, now=now)
