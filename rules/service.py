"""``yanchen rules``: readings → evaluations, acknowledged by Kafka before the place in the log moves on.

There is no store of state. When a partition is assigned, its log is rewound so far that every
window that could still change is replayed whole, and what was published about it is recalled;
nothing is published of the replay, and revisions go on from where they were.
"""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import structlog

from domain.codec import decode_evaluation, decode_report, encode
from domain.evaluation import Evaluation
from domain.instant import from_ms
from domain.site import Site
from domain.topics import EVALUATIONS, READINGS
from rules.corrector import Corrector
from rules.engine import Engine, Late
from rules.health_pack import load_health
from rules.pack import load_packs
from rules.recall import last_heard, last_judged, last_told
from rules.window import MINUTE_MS
from runtime.calendar import load_calendar
from runtime.context import context_since
from runtime.corrections import ask_for_late
from runtime.database import Pool, open_pool, transaction
from runtime.kafka import Batch, Place, Producer, Stream, open_producer, open_stream, read_since
from runtime.metrics import EVALUATIONS as EVALUATIONS_COUNT
from runtime.metrics import EVENT_LAG
from runtime.offsets import save_watermarks, saved_watermarks
from runtime.register import Register
from runtime.settings import Settings

log = structlog.get_logger()

CONSUMER: Final = "rules"

_CLOCKS_AHEAD_MS: Final = 600_000
_NEIGHBOURS_EVERY_S: Final = 5.0
_TAKE_MS: Final = 200
_MOST: Final = 20_000
_COLLECT_AFTER: Final = 10 * _MOST
"""Objects: a record is about five of them."""


async def run_rules(settings: Settings) -> None:
    """Judge until cancelled.

    Raises:
        ConfigError: a pack is wrong.
        Unavailable: a neighbour is away (inside an exception group); judging begins again from the log.
    """
    async with open_pool(settings.database) as pool, open_producer(settings.kafka) as producer:
        register = Register(pool)
        await register.refresh()
        bench = Bench(settings, pool, producer, register)
        await bench.hear_neighbours()
        async with open_stream(settings.kafka, [READINGS], "yanchen-rules", bench.start_at) as stream:
            log.info("rules_started", devices=len(register.devices))
            with calm_collector():
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(bench.run(stream), name="judging")
                    tasks.create_task(bench.corrector.run(), name="corrections")


@contextmanager
def calm_collector() -> Iterator[None]:
    """Let Python look for garbage cycles once a batch or so, and not among what was there at the start.

    A batch makes tens of thousands of objects, none of them in a cycle; by default a third of the
    processor's time goes into looking (docs/performance.md, "Rules").
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class Bench:
    """The engine of one process, and where each of its partitions stands.

    Args:
        settings: packs, grace, lateness.
        pool: register, context, watermarks.
        producer: takes the evaluations.
        register: who stands where.

    Attributes:
        corrector: judges again what was final; runs beside the bench.
    """

    def __init__(self, settings: Settings, pool: Pool, producer: Producer, register: Register) -> None:
        self._settings = settings
        self._pool = pool
        self._producer = producer
        self._register = register
        self._lateness_ms = settings.rules.lateness // timedelta(milliseconds=1)
        self._idle_ms = settings.rules.grace // timedelta(milliseconds=1)
        self._packs = load_packs([str(path) for path in settings.rules.packs])
        # A city's own pack may have a longer window than any that ships.
        self._longest_ms = MINUTE_MS * max(
            limit.window_minutes for pack in self._packs for limit in pack.limit
        )
        self._health = load_health(settings.rules.health)
        self._engine = Engine(
            self._packs,
            _sites(register),
            grace_ms=settings.rules.grace // timedelta(milliseconds=1),
            lateness_ms=self._lateness_ms,
            health_pack=self._health,
        )
        self.corrector: Final = Corrector(settings, pool, producer, register, self._packs)
        self._late: list[Late] = []
        self._saved: dict[int, int] = {}
        self._retire()
        self._resume: dict[int, int] = {}
        self._next: dict[int, int] = {}
        self._moved_at: dict[int, float] = {}
        self._context_heard: datetime | None = None
        self._heard_at = 0.0

    async def start_at(self, stream: Stream, places: Iterable[Place]) -> Mapping[Place, int]:
        """Where to read each partition from: far enough back to rebuild what could still change."""
        saved = await saved_watermarks(self._pool, CONSUMER, READINGS)
        starts: dict[Place, int] = {}
        for place in places:
            partition = place[1]
            self._engine.forget(partition)
            self._resume[partition], watermark = saved.get(partition, (0, None))
            if watermark is not None:
                self._saved[partition] = watermark
                starts[place] = await self._rewind(stream, place, watermark)
            elif self._resume[partition]:
                starts[place] = self._resume[partition]
            self._next[partition] = starts.get(place, 0)
            self._moved_at[partition] = time.monotonic()
        return starts

    async def _rewind(self, stream: Stream, place: Place, watermark_ms: int) -> int:
        changeable_ms = watermark_ms - self._lateness_ms
        published = await read_since(
            self._settings.kafka, (EVALUATIONS, place[1]), changeable_ms - _CLOCKS_AHEAD_MS
        )
        self._engine.advance(place[1], changeable_ms)
        older = await last_judged(self._pool, self._packs, from_ms(changeable_ms))
        older += await last_told(self._pool, self._health, from_ms(changeable_ms))
        self._engine.recall([*older, *(decode_evaluation(record.value) for record in published)], place[1])
        if self._engine.health:
            heard = await last_heard(self._pool)
            mine = {name: at for name, at in heard.items() if stream.partition_of(READINGS, name) == place[1]}
            self._engine.health.remember(mine, place[1])
        first = await stream.offset_at(place, changeable_ms - self._longest_ms - _CLOCKS_AHEAD_MS)
        start = self._resume[place[1]] if first is None else min(first, self._resume[place[1]])
        log.info(
            "rewound", partition=place[1], records=self._resume[place[1]] - start, recalled=len(published)
        )
        return start

    async def run(self, stream: Stream) -> None:
        """Take, judge, publish, and only then move on."""
        while True:
            async with stream.at_work:
                await self._turn(stream)

    async def _turn(self, stream: Stream) -> None:
        batch = (await stream.take(_TAKE_MS, _MOST)).get(READINGS, {})
        issued = self._judge(batch)
        for _, partition in stream.assigned():
            issued += self._caught_up(partition)
        if not self._replaying(stream) and time.monotonic() - self._heard_at > _NEIGHBOURS_EVERY_S:
            issued += await self.hear_neighbours()
            issued += self._pass_time(stream, batch)
        await self._publish(issued)
        await ask_for_late(self._pool, self._late)
        self._late.clear()
        if batch or issued:
            await self._keep_place(stream)

    def _replaying(self, stream: Stream) -> bool:
        """Whether some window may still lack readings that it had before: no verdict but from the log."""
        return any(self._next[partition] < self._resume[partition] for _, partition in stream.assigned())

    def _judge(self, batch: Batch) -> list[Evaluation]:
        issued: list[Evaluation] = []
        for partition, records in sorted(batch.items()):
            known = [record for record in records if record.offset < self._resume[partition]]
            fresh = records[len(known) :]
            if known:
                self._engine.push([decode_report(record.value) for record in known], partition)
                self._engine.take_late()  # on the list since then
            self._next[partition] = records[-1].offset + 1
            issued += self._caught_up(partition)
            issued += self._engine.push([decode_report(record.value) for record in fresh], partition)
            self._late += self._engine.take_late()
            self._moved_at[partition] = time.monotonic()
        return issued

    def _caught_up(self, partition: int) -> list[Evaluation]:
        """Once replayed, a partition stands where the clock had moved it: what is late stays late."""
        if self._next[partition] < self._resume[partition] or partition not in self._saved:
            return []
        return self._engine.advance(partition, self._saved.pop(partition))

    async def hear_neighbours(self) -> list[Evaluation]:
        """Take in what changed in the register, the context series and the calendar."""
        self._heard_at = time.monotonic()
        if await self._register.refresh():
            self._engine.update_sites(_sites(self._register))
            self._retire()
        values, self._context_heard = await context_since(self._pool, self._context_heard)
        async with transaction(self._pool) as connection:
            calendar = await load_calendar(connection)
        issued = self._engine.context(values) if values else []
        return issued + self._engine.update_calendar(calendar)

    def _retire(self) -> None:
        """A device that is disabled may be silent."""
        if self._engine.health:
            devices = self._register.devices.items()
            self._engine.health.retire(name for name, device in devices if not device.enabled)

    def _pass_time(self, stream: Stream, batch: Batch) -> list[Evaluation]:
        """A partition in which nobody reports is moved by the clock, not by its devices' return."""
        issued: list[Evaluation] = []
        quiet_s = self._idle_ms / 1000
        for _, partition in sorted(stream.assigned()):
            silent = time.monotonic() - self._moved_at.get(partition, time.monotonic()) > quiet_s
            if partition not in batch and silent and self._engine.watermark(partition) is not None:
                issued += self._engine.advance(partition, int(time.time() * 1000) - self._idle_ms)
        return issued

    async def _publish(self, issued: Sequence[Evaluation]) -> None:
        if issued:
            await self._producer.publish(EVALUATIONS, [(item.device, encode(item)) for item in issued])
        for verdict, count in Counter(item.verdict for item in issued).items():
            EVALUATIONS_COUNT.labels(verdict).inc(count)

    async def _keep_place(self, stream: Stream) -> None:
        reached = {
            partition: (self._next[partition], self._engine.watermark(partition))
            for _, partition in stream.assigned()
            if self._next[partition] >= self._resume[partition]
        }
        await save_watermarks(self._pool, CONSUMER, READINGS, reached)
        await stream.commit({(READINGS, partition): offset for partition, (offset, _) in reached.items()})
        marks = [mark for _, mark in reached.values() if mark is not None]
        if marks:
            EVENT_LAG.labels(CONSUMER).set(max(0.0, time.time() - min(marks) / 1000))


def _sites(register: Register) -> dict[str, Site]:
    return {name: device.site for name, device in register.devices.items()}
