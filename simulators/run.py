"""Replay, then live: publish the last hours as fast as the doors take them, then in real time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from domain.instant import from_ms, to_ms
from domain.register import City
from domain.site import Protocol as Wire
from simulators.door import Door
from simulators.plan import Scenario
from simulators.publication import Publication
from simulators.publish_hj212 import Hj212Door, Hj212Target
from simulators.publish_mqtt import MqttDoor, MqttTarget
from simulators.stream import generate
from simulators.tally import Tally

_HOUR_MS: Final = 3_600_000
_MS: Final = timedelta(milliseconds=1)
_LIVE_WITHIN_MS: Final = 60_000
_BREATHE: Final = 50  # publications between two chances for the doors' tasks to run


class Clock(Protocol):
    """Real time, or a test's."""

    def now_ms(self) -> int:
        """Epoch milliseconds."""

    async def wait(self, seconds: float) -> None:
        """Wait so long."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Epoch milliseconds."""
        return time.time_ns() // 1_000_000

    async def wait(self, seconds: float) -> None:
        """Wait so long."""
        await asyncio.sleep(seconds)


Progress = Callable[[int, int, bool], None]
"""Told (reports published, event time in epoch ms, whether live)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When a run publishes.

    Attributes:
        replay: how far back it begins; rounded up to a full hour, so that no window is cut.
        duration: how long it goes on after ``start``, else after now; without, until stopped.
        start: begin here instead of ``replay`` ago.
        speed: fastest pace of the replay in event time per time; none is as fast as the doors.
    """

    replay: timedelta = timedelta(hours=3)
    duration: timedelta | None = None
    start: datetime | None = None
    speed: float | None = None

    def first_ms(self, now_ms: int) -> int:
        """Where the replay begins."""
        begin = to_ms(self.start) if self.start else now_ms - self.replay // _MS
        return begin // _HOUR_MS * _HOUR_MS

    def last_ms(self, now_ms: int) -> int | None:
        """Where the run ends."""
        if self.duration is None:
            return None
        return (to_ms(self.start) if self.start else now_ms) + self.duration // _MS


@dataclass(slots=True, kw_only=True)
class Targets:
    """Where to publish; the devices of a door that is not given stay silent."""

    mqtt: MqttTarget | None = None
    hj212: Hj212Target | None = None

    def doors(self, tally: Tally) -> dict[Wire, Door]:
        """The doors, not open yet."""
        doors: dict[Wire, Door] = {}
        if self.mqtt is not None:
            doors[Wire.MQTT] = MqttDoor(self.mqtt, tally.settle)
        if self.hj212 is not None:
            doors[Wire.HJ212] = Hj212Door(self.hj212, tally.settle)
        return doors


@dataclass(slots=True, kw_only=True)
class Control:
    """How a run is watched and stopped.

    Attributes:
        clock: the time.
        stop: set to stop cleanly.
        tally_file: where the tally is written every second and at the end.
        progress: told now and then how far it is.
    """

    clock: Clock = field(default_factory=SystemClock)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    tally_file: Path | None = None
    progress: Progress = lambda _reports, _at, _live: None


async def run(
    city: City, scenario: Scenario, *, seed: int, plan: Plan, targets: Targets, control: Control | None = None
) -> Tally:
    """Publish a city until the plan ends or the control stops it.

    Everything handed to a door is confirmed, or listed as unconfirmed, before this returns.

    Raises:
        Unavailable: a door did not open.
    """
    control = control or Control()
    tally = Tally()
    doors = targets.doors(tally)
    try:
        async with _tally_written(tally, control.tally_file), _opened(doors):
            pace = _Pace(plan, control.clock)
            end = None if pace.last is None else from_ms(pace.last)
            stream = generate(city, scenario, from_ms(pace.first), end, seed)
            publisher = _Publisher(
                stream=stream, pace=pace, doors=doors, tally=tally, progress=control.progress
            )
            await _unless_stopped(publisher.publish(), control.stop)
    finally:
        tally.final = True
        if control.tally_file is not None:
            tally.write(control.tally_file)
    return tally


class _Pace:
    """When each publication is due."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self._clock = clock
        self._speed = plan.speed
        self._began = clock.now_ms()
        self.first = plan.first_ms(self._began)
        self.last = plan.last_ms(self._began)

    def behind_ms(self, publication: Publication) -> int:
        """How long the publication has been due; negative when it is not due yet."""
        now = self._clock.now_ms()
        if self._speed is not None:
            now = min(now, self.first + round((now - self._began) * self._speed))
        return now - publication.at_publish_ms

    async def wait(self, publication: Publication) -> None:
        """Wait until the publication is due."""
        while (behind := self.behind_ms(publication)) < 0:
            await self._clock.wait(max(-behind / 1000 / (self._speed or 1.0), 0.001))


@dataclass(slots=True, kw_only=True)
class _Publisher:
    """Hands the stream to the doors in due time."""

    stream: Iterator[Publication]
    pace: _Pace
    doors: dict[Wire, Door]
    tally: Tally
    progress: Progress

    async def publish(self) -> None:
        """Until the stream ends; may be cancelled at any time, between two publications."""
        minute = 0
        for number, publication in enumerate(self.stream):
            door = self.doors.get(publication.door)
            if door is None:
                continue
            await self.pace.wait(publication)
            if publication.at_publish_ms // 60_000 != minute:
                minute = publication.at_publish_ms // 60_000
                await self._begin_minute(publication)
            elif number % _BREATHE == 0:
                await asyncio.sleep(0)
            await door.send(publication)

    async def _begin_minute(self, publication: Publication) -> None:
        replaying = self.pace.behind_ms(publication) > _LIVE_WITHIN_MS
        if replaying:
            # Both doors finish a minute before either begins the next: watermarks advance evenly.
            await asyncio.gather(*(door.drain() for door in self.doors.values()))
        self.progress(self.tally.reports, publication.at_publish_ms, not replaying)


async def _unless_stopped(work: Coroutine[None, None, None], stop: asyncio.Event) -> None:
    """Do the work until it is done or the event is set."""
    working = asyncio.create_task(work, name="publish")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


@asynccontextmanager
async def _opened(doors: dict[Wire, Door]) -> AsyncIterator[None]:
    try:
        await asyncio.gather(*(door.open() for door in doors.values()))
        yield
    finally:
        await asyncio.gather(*(door.close() for door in doors.values()))


@asynccontextmanager
async def _tally_written(tally: Tally, path: Path | None) -> AsyncIterator[None]:
    if path is None:
        yield
        return
    writing = asyncio.create_task(_write_every_second(tally, path), name="tally")
    try:
        yield
    finally:
        writing.cancel()


async def _write_every_second(tally: Tally, path: Path) -> None:
    while True:
        tally.write(path)
        await asyncio.sleep(1)
