"""Evaluations on the topic against the offline judging of the same reports: what the tests of rules share."""

import uuid
from collections.abc import Collection, Iterable

from domain import health
from domain.codec import decode_evaluation
from domain.evaluation import Evaluation
from domain.topics import EVALUATIONS
from runtime.kafka import read_since
from runtime.settings import Kafka

Said = tuple[object, ...]


def said(item: Evaluation) -> Said:
    """What an evaluation says, whatever its revision."""
    return (item.verdict, item.value, item.n_valid, item.n_expected, item.adjustments)


def by_id(evaluations: Iterable[Evaluation]) -> dict[uuid.UUID, Said]:
    return {item.id: said(item) for item in evaluations}


async def newest(
    kafka: Kafka, devices: Collection[str] | None = None, partitions: int = 4
) -> dict[uuid.UUID, Evaluation]:
    """Of each window of a limit, of these devices if named, the last evaluation; no revision may go back."""
    last: dict[uuid.UUID, Evaluation] = {}
    for partition in range(partitions):
        for record in await read_since(kafka, (EVALUATIONS, partition), 0):
            item = decode_evaluation(record.value)
            if item.standard != health.STANDARD and (devices is None or item.device in devices):
                before = last.get(item.id)
                assert before is None or item.revision >= before.revision, "a revision went back"
                assert before is None or item.final or not before.final, "a final evaluation was re-opened"
                last[item.id] = item
    return last
