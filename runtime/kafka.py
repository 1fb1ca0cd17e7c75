"""The door to Kafka: publish until acknowledged, read by explicit offsets.

Two rules hold for every reader. Offsets are committed by name, after the effects are
safe. And a rebalance can take a partition away in the middle of a batch, so whoever
writes effects fences them by partition and offset (``runtime.offsets``).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    TopicAlreadyExistsError,
    UnknownMemberIdError,
)
from aiokafka.partitioner import DefaultPartitioner

from domain.errors import Unavailable
from domain.topics import EVALUATIONS, READINGS, REJECTED
from runtime.settings import Kafka as KafkaSettings

_PARTITIONER: Final = DefaultPartitioner()
_LINGER_S: Final = 0.005
_GATHERED: Final = 1 << 20
_LARGEST_RECORD: Final = 4 << 20
_LOST_PARTITION: Final = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of a topic, with its place in the log."""

    partition: int
    offset: int
    value: bytes
    appended_ms: int


Batch = dict[int, list[Record]]
"""Partition → its records, in the order of the log."""


Place = tuple[str, int]
"""A topic and a partition of it."""


def records_of(batch: Batch) -> list[Record]:
    """A batch's records, partition by partition."""
    return [record for records in batch.values() for record in records]


@lru_cache(maxsize=1 << 16)
def _partition_of(key: str, count: int) -> int:
    """Where Java's clients put this key too."""
    places = list(range(count))
    return int(_PARTITIONER(key.encode(), places, places))


@dataclass(frozen=True, slots=True)
class _Parcel:
    """Records for one partition; takes more until it is full or leaves."""

    builder: Any
    delivery: asyncio.Task[None]


class Producer:
    """Publishes and returns only when every replica has the records (``acks=all``).

    Whoever publishes within the same few milliseconds shares a parcel for each partition. Filling
    parcels costs a fifth of aiokafka's ``send``, which keeps a future for every record.
    """

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._open: dict[Place, _Parcel] = {}

    async def publish(self, topic: str, records: Iterable[tuple[str, bytes]]) -> None:
        """Append (key, value) records; those of one key in order.

        Raises:
            Unavailable: not all were acknowledged; publishing all of them again is harmless.
        """
        try:
            count = len(await self._producer.partitions_for(topic))
            deliveries = self._fill(topic, count, records)
            if deliveries:
                await asyncio.wait(deliveries)  # not gather: who gives up must not cancel what others await
            for delivery in deliveries:
                delivery.result()
        except KafkaError as error:
            raise Unavailable(f"Kafka did not take records for {topic}: {error!r}") from error

    def _fill(
        self, topic: str, partitions: int, records: Iterable[tuple[str, bytes]]
    ) -> set[asyncio.Task[None]]:
        """Put the records into parcels; the deliveries of these."""
        used: set[asyncio.Task[None]] = set()
        for key, value in records:
            place = (topic, _partition_of(key, partitions))
            name = key.encode()
            parcel = self._open.get(place)
            if parcel is None or parcel.builder.append(timestamp=None, key=name, value=value) is None:
                parcel = self._open[place] = self._begin(place)
                parcel.builder.append(timestamp=None, key=name, value=value)
            used.add(parcel.delivery)
        return used

    def _begin(self, place: Place) -> _Parcel:
        builder = self._producer.create_batch()
        return _Parcel(builder, asyncio.create_task(self._deliver(place, builder), name="delivery"))

    async def _deliver(self, place: Place, builder: Any) -> None:
        """Let others add to the parcel for a moment, close it, and see it taken."""
        await asyncio.sleep(_LINGER_S)
        # What joined a batch that aiokafka has already numbered would break its sequence.
        builder.close()
        parcel = self._open.get(place)
        if parcel is not None and parcel.builder is builder:
            del self._open[place]
        await (await self._producer.send_batch(builder, place[0], partition=place[1]))


@asynccontextmanager
async def open_producer(settings: KafkaSettings) -> AsyncIterator[Producer]:
    """An idempotent producer.

    Raises:
        Unavailable: no broker answers.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap,
        acks="all",
        enable_idempotence=True,
        max_batch_size=1 << 18,
        max_request_size=_LARGEST_RECORD,
        request_timeout_ms=20_000,
    )
    await _started(producer, settings)
    try:
        yield Producer(producer)
    finally:
        with suppress(KafkaError):  # what was not acknowledged is not ours to keep
            await producer.stop()


StartAt = Callable[["Stream", Iterable[Place]], Awaitable[Mapping[Place, int]]]
"""Asked on each assignment: from which offsets to read; a place left out starts at the beginning."""


class Stream:
    """One member of a consumer group.

    Attributes:
        at_work: to be held from taking records until their effects are safe, by whoever has effects that no
            fence holds back: a rebalance waits for it, so nobody takes over before.
    """

    def __init__(self, consumer: AIOKafkaConsumer, start_at: StartAt) -> None:
        self.at_work: Final = asyncio.Lock()
        self._consumer = consumer
        self._start_at = start_at
        self._placed: set[TopicPartition] = set()

    async def take(self, topics_wait_ms: int = 500, most: int = 5000) -> dict[str, Batch]:
        """The next records, by topic and partition; empty after the wait.

        Raises:
            Unavailable: the broker is away.
        """
        try:
            taken = await self._consumer.getmany(timeout_ms=topics_wait_ms, max_records=most)
        except KafkaError as error:
            raise Unavailable(f"Kafka gives no records: {error!r}") from error
        found: dict[str, Batch] = {}
        for place, records in taken.items():
            if place not in self._placed:
                # Fetching begins before the rebalance listener has had its say; the seek that
                # follows makes the same records come again.
                continue
            found.setdefault(place.topic, {})[place.partition] = [
                Record(record.partition, record.offset, record.value or b"", record.timestamp)
                for record in records
            ]
        return found

    async def commit(self, next_offsets: Mapping[Place, int]) -> None:
        """Tell the group how far its effects are safe; a lost partition is its new owner's matter."""
        mine = set(self._consumer.assignment())
        offsets = {
            TopicPartition(*place): offset
            for place, offset in next_offsets.items()
            if TopicPartition(*place) in mine
        }
        if not offsets:
            return
        try:
            await self._consumer.commit(offsets)
        except _LOST_PARTITION:
            return
        except KafkaError as error:
            raise Unavailable(f"Kafka did not take the offsets: {error!r}") from error

    def assigned(self) -> set[Place]:
        """The places that this member reads now, each put where it starts."""
        return {(place.topic, place.partition) for place in self._placed & self._consumer.assignment()}

    def partition_of(self, topic: str, key: str) -> int:
        """In which partition of a topic a key's records lie."""
        return _partition_of(key, len(self._consumer.partitions_for_topic(topic)))

    async def offset_at(self, place: Place, appended_ms: int) -> int | None:
        """The first offset appended at this time or later; None if there is none."""
        found = await self._consumer.offsets_for_times({TopicPartition(*place): appended_ms})
        result = found.get(TopicPartition(*place))
        return None if result is None else int(result.offset)

    async def place_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Put each new partition where its effects ended."""
        starts = await self._start_at(self, [(place.topic, place.partition) for place in assigned])
        begins = await self._consumer.beginning_offsets(list(assigned))
        for place in assigned:  # without a pause in between: what was fetched before is now dropped
            self._placed.add(place)
            self._consumer.seek(place, starts.get((place.topic, place.partition), begins[place]))

    async def forget_places(self) -> None:
        """A rebalance has begun: what comes now belongs to nobody until it is assigned."""
        async with self.at_work:
            self._placed.clear()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self) -> None:
        self.stream: Stream | None = None

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002 - all are
        """Effects carry their own offsets, so there is nothing to save."""
        if self.stream is not None:
            await self.stream.forget_places()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        if self.stream is not None:
            await self.stream.place_assigned(assigned)


@asynccontextmanager
async def open_stream(
    settings: KafkaSettings, topics: Sequence[str], group: str, start_at: StartAt, *, gather_ms: int = 0
) -> AsyncIterator[Stream]:
    """Join a consumer group that reads these topics.

    Args:
        settings: where the broker is.
        topics: what to read; created first where they are missing.
        group: name of the consumer group.
        start_at: answers, on each assignment, from where to read.
        gather_ms: how long records may wait for others at the broker; 0 is for nothing.

    Raises:
        Unavailable: no broker answers.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=10_000,
        heartbeat_interval_ms=2_000,
        max_poll_interval_ms=300_000,
        fetch_min_bytes=_GATHERED if gather_ms else 1,
        fetch_max_wait_ms=gather_ms or 500,
        fetch_max_bytes=32 << 20,
        max_partition_fetch_bytes=8 << 20,
    )
    listener = _Listener()
    listener.stream = Stream(consumer, start_at)
    consumer.subscribe(list(topics), listener=listener)
    await _started(consumer, settings)
    try:
        yield listener.stream
    finally:
        with suppress(KafkaError):
            await consumer.stop()


async def read_since(settings: KafkaSettings, place: Place, appended_ms: int) -> list[Record]:
    """All records of a place appended at this time or later, up to its end of now.

    Raises:
        Unavailable: no broker answers.
    """
    where = TopicPartition(*place)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap, group_id=None, enable_auto_commit=False)
    await _started(consumer, settings)
    try:
        consumer.assign([where])
        end = (await consumer.end_offsets([where]))[where]
        first = (await consumer.offsets_for_times({where: max(0, appended_ms)}))[where]
        found: list[Record] = []
        if first is None:
            return found
        consumer.seek(where, first.offset)
        while await consumer.position(where) < end:
            taken = (await consumer.getmany(where, timeout_ms=500)).get(where, [])
            found += [
                Record(item.partition, item.offset, item.value or b"", item.timestamp) for item in taken
            ]
    except KafkaError as error:
        raise Unavailable(f"Kafka does not give the records of {place}: {error!r}") from error
    finally:
        with suppress(KafkaError):
            await consumer.stop()
    return found


async def log_end(settings: KafkaSettings, topic: str) -> int:
    """How many records a topic has had, over all partitions.

    Raises:
        Unavailable: no broker answers.
    """
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=settings.bootstrap, group_id=None)
    await _started(consumer, settings)
    try:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        return sum((await consumer.end_offsets(places)).values())
    except KafkaError as error:
        raise Unavailable(f"Kafka does not tell where {topic} ends: {error!r}") from error
    finally:
        with suppress(KafkaError):
            await consumer.stop()


async def _started(client: AIOKafkaConsumer | AIOKafkaProducer, settings: KafkaSettings) -> None:
    try:
        await create_topics(settings)
        await client.start()
    except (KafkaError, OSError) as error:
        with suppress(KafkaError):
            await client.stop()
        sentence = f"Kafka at {settings.bootstrap} (YANCHEN_KAFKA__BOOTSTRAP) does not answer: {error!r}"
        raise Unavailable(sentence) from error


async def create_topics(settings: KafkaSettings) -> None:
    """Create our topics where they are missing; the log of readings is kept for 30 days."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await admin.start()
    try:
        present = set(await admin.list_topics())
        for name in (READINGS, REJECTED, EVALUATIONS):
            if name not in present:
                with suppress(TopicAlreadyExistsError):
                    await admin.create_topics([_new_topic(name, settings)])
    finally:
        await admin.close()


def _new_topic(name: str, settings: KafkaSettings) -> NewTopic:
    return NewTopic(
        name=name,
        num_partitions=settings.partitions,
        replication_factor=settings.replication,
        topic_configs={
            "retention.ms": str(30 * 86_400_000),
            "max.message.bytes": str(_LARGEST_RECORD),
            # Appending time: rules rewinds by it, whatever a device's clock says.
            "message.timestamp.type": "LogAppendTime",
        },
    )
