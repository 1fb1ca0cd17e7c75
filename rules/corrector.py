"""The corrector: takes windows off the list, judges them again from the database, publishes what differs.

It waits until everything that was on its way when it looked at the list is stored: readings by the
writer, evaluations by alerts. So what it compares with is the last that was published, its own
corrections before a crash among it, and nothing is said twice.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

import structlog

from domain.codec import encode
from domain.evaluation import Evaluation
from domain.instant import from_ms
from domain.topics import EVALUATIONS, READINGS
from rules.correction import Spot, Spots, corrections, filled, merged, open_spots, spots_of, unjudged
from rules.limits import Book
from rules.offline import evaluate
from rules.pack import Pack
from runtime.calendar import load_calendar
from runtime.context import context_between
from runtime.corrections import Correction, Due, keep, pending, settle, take
from runtime.database import Connection, Pool, transaction
from runtime.history import Stretch, next_judged, stored_evaluations, stored_reports
from runtime.kafka import Producer, log_end
from runtime.metrics import CORRECTIONS
from runtime.offsets import done_offsets
from runtime.register import Register
from runtime.settings import Settings

log = structlog.get_logger()

_LOOK_EVERY_S: Final = 2.0
_STORED_WITHIN_S: Final = 60.0
_POLL_S: Final = 0.2
_DUES: Final = 200
_WINDOWS: Final = 2000
"""Judged at once: quarter hours, at a report a minute, of thirty thousand readings."""


class Corrector:
    """Corrects windows for one process; only one at a time holds the list.

    Args:
        settings: packs, lateness, where Kafka is.
        pool: the list, readings, evaluations, context.
        producer: takes the corrections.
        register: who stands where.
        packs: as the engine has them.
    """

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        producer: Producer,
        register: Register,
        packs: Sequence[Pack],
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._producer = producer
        self._register = register
        self._packs = packs
        self._series = Book(packs).series

    async def run(self) -> None:
        """Correct until cancelled.

        Raises:
            Unavailable: Kafka or the database is away; the list keeps what is not done.
        """
        while True:
            ids = await pending(self._pool, _DUES)
            if not ids or not await self._stored():
                await asyncio.sleep(_LOOK_EVERY_S)
            else:
                await self._correct(ids)

    async def _stored(self) -> bool:
        """Whether all that is in the log by now has been judged and stored, evaluations last."""
        readings = await log_end(self._settings.kafka, READINGS)
        stored = await self._reached(readings, READINGS, "writer", "rules")
        return stored and await self._reached(
            await log_end(self._settings.kafka, EVALUATIONS), EVALUATIONS, "alerts"
        )

    async def _reached(self, end: int, topic: str, *consumers: str) -> bool:
        for _ in range(int(_STORED_WITHIN_S / _POLL_S)):
            done = [await done_offsets(self._pool, consumer, topic) for consumer in consumers]
            if min(done) >= end:
                return True
            await asyncio.sleep(_POLL_S)
        log.info("corrections_wait", topic=topic, end=end, stored=dict(zip(consumers, done, strict=True)))
        return False

    async def _correct(self, ids: Sequence[int]) -> None:
        """Handle some dues; they leave the list only if what came of them is published."""
        async with transaction(self._pool) as connection:
            dues = await take(connection, ids)
            devices = list(self._register.devices.values())
            means = {due: spots_of(due, devices, self._series) for due in dues}
            still_open: set[Spot] = set()
            for part in _parts(means):
                still_open |= await self._judge_again(connection, part)
            later = {
                due.due_id: from_ms(max(spot.end_ms for spot in waiting)) + self._settings.rules.lateness
                for due, spots in means.items()
                if (waiting := still_open.intersection(spots))
            }
            await settle(connection, {due.due_id for due in dues} - later.keys(), later)
        if not dues:  # another process is at it
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _judge_again(self, connection: Connection, spots: Spots) -> set[Spot]:
        """Correct some windows; those that are still open."""
        spots, published = await self._with_gaps(connection, spots)
        judged = await self._judged(connection, self._stretches(merged(spots)))
        still_open = open_spots(published, self._settings.rules.lateness, datetime.now(UTC))
        found = corrections(judged, published, spots, still_open)
        await self._publish(found)
        await keep(connection, found)
        return still_open & spots.keys()

    async def _with_gaps(self, connection: Connection, spots: Spots) -> tuple[Spots, list[Evaluation]]:
        """The windows, with the gaps behind those before all that was judged; what is stored of them."""
        published = await stored_evaluations(connection, self._stretches(merged(spots)))
        first = unjudged(spots, published)
        if not first:
            return spots, published
        whole = dict(spots)
        for key, next_ms in (await next_judged(connection, self._stretches(first))).items():
            whole = filled(Spot(*key), next_ms) | whole
        return whole, await stored_evaluations(connection, self._stretches(merged(whole)))

    async def _judged(self, connection: Connection, stretches: Sequence[Stretch]) -> list[Evaluation]:
        reports = await stored_reports(connection, stretches)
        since = min(stretch.since_ms for stretch in stretches)
        until = max(stretch.until_ms for stretch in stretches)
        context = await context_between(connection, from_ms(since), from_ms(until))
        calendar = await load_calendar(connection)
        sites = {one.device: self._register.devices[one.device].site for one in stretches}
        return await asyncio.to_thread(evaluate, reports, sites, context, self._packs, calendar)

    def _stretches(self, spots: Iterable[Spot]) -> list[Stretch]:
        devices = self._register.devices
        return [Stretch(spot.device, devices[spot.device].point_id, *spot[1:]) for spot in spots]

    async def _publish(self, found: Sequence[Correction]) -> None:
        if not found:
            return
        told = [correction.evaluation for correction in found]
        await self._producer.publish(EVALUATIONS, [(item.device, encode(item)) for item in told])
        for correction in found:
            before = correction.before.verdict.value if correction.before else "none"
            CORRECTIONS.labels(before, correction.evaluation.verdict.value).inc()
        log.info("corrected", windows=len(found))


def _parts(means: Mapping[Due, Sequence[Spot]]) -> Iterator[Spots]:
    """All windows in question, in parts that are judged at once; those of one device's factor together."""
    spots: Spots = {}
    for due, meant in means.items():
        for spot in meant:
            spots.setdefault(spot, set()).add(due.reason)
    part: Spots = {}
    for _, group in groupby(sorted(spots), key=lambda spot: spot[:2]):
        part |= {spot: spots[spot] for spot in group}
        if len(part) >= _WINDOWS:
            yield part
            part = {}
    if part:
        yield part
