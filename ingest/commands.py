"""Commands to devices over the connections that they have opened themselves.

A device is reached on the connection by which its last good frame came. One request of a
device is on its way at a time. Time-outs and resends are those of HJ 212-2017, table 1.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from domain.instant import CHINA
from ingest.hj212.answer import RESULTS
from ingest.hj212.command import (
    TIME_WANTED,
    Addressee,
    Ending,
    Reply,
    Request,
    answered_qn,
    clock_error,
    instrument,
    reply,
    set_clock,
)
from ingest.hj212.message import Message

log = structlog.get_logger()

Send = Callable[[bytes], bool]
"""Writes to a connection without waiting; false if the device does not read."""

_REAL_TIME: Final = "2011"  # its QN is the device's own clock; what was asked for bears our QN
_INTERACTION: Final = "91"  # ST of logins and heartbeats, which is not the device's own
_AWAY: Final = Reply(Ending.AWAY, "it is not connected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for a device, and how often to look at its clock.

    Attributes:
        answer: for 9011, before the request is sent again (超时时间, table 1).
        resends: how often (重发次数, table 1).
        result: for 9012, since the device was last heard.
        clock_off: a clock further from ours is set unasked; none is never, since devices that
            never met a command may stumble over one.
        clock_every: how often a clock is looked at.
    """

    answer: timedelta = timedelta(seconds=10)
    resends: int = 3
    result: timedelta = timedelta(seconds=60)
    clock_off: timedelta | None = None
    clock_every: timedelta = timedelta(minutes=10)


@dataclass(slots=True)
class _Line:
    """A device that can be spoken to."""

    addressee: Addressee
    send: Send
    clock_due: datetime
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    pending: "_Pending | None" = None


@dataclass(slots=True)
class _Pending:
    """A request on its way."""

    qn: str
    command: str
    signs: asyncio.Event = field(default_factory=asyncio.Event)  # of life, or of the end
    heard: bool = False
    reply: Reply | None = None
    frames: int = 0


class Commands:
    """Speaks to the devices that are connected.

    Args:
        clock: says the time.
        patience: how long to wait.
    """

    def __init__(self, clock: Callable[[], datetime], patience: Patience | None = None) -> None:
        self._clock = clock
        self._patience = patience or Patience()
        self._lines: dict[str, _Line] = {}
        self._names: dict[Send, set[str]] = {}  # connection → its devices
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_qn = ""

    @property
    def devices(self) -> frozenset[str]:
        """The devices that are connected and known."""
        return frozenset(self._lines)

    def hear(self, message: Message, send: Send) -> None:
        """Take note of a good frame of a known device, and of the connection by which it came."""
        now = self._clock()
        line = self._lines.get(message.device)
        if line is None or line.send != send:
            if message.command in RESULTS:
                return  # an answer proves nothing: it need not bear the PW
            line = self._connect(message, send, now)
        elif line.addressee.system == _INTERACTION and message.command not in RESULTS:
            line.addressee = Addressee.of(message)
        if line.pending is not None:
            _note(line.pending, message)
        if message.command == TIME_WANTED:
            self._later(self._set_clock(message.device, instrument(message)))
        elif now >= line.clock_due and message.command == _REAL_TIME:
            self._check_clock(line, message, now)

    def forget(self, send: Send) -> None:
        """A connection ended: its devices cannot be reached by it."""
        for name in self._names.pop(send, ()):
            line = self._lines.get(name)
            if line is not None and line.send == send:
                del self._lines[name]
                _end(line, _AWAY)

    async def ask(self, device: str, request: Request) -> Reply:
        """Send a request and wait for its end.

        Args:
            device: MN.
            request: what is asked.
        """
        line = self._lines.get(device)
        if line is None:
            return _AWAY
        async with line.turn:
            if self._lines.get(device) is not line:
                return _AWAY
            pending = line.pending = _Pending(self._new_qn(), request.command)
            try:
                ended = await self._converse(line, request, pending)
            finally:
                line.pending = None
        return Reply(ended.ending, ended.sentence, pending.frames)

    async def close(self) -> None:
        """Give up what is on its way."""
        for line in self._lines.values():
            _end(line, _AWAY)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _converse(self, line: _Line, request: Request, pending: _Pending) -> Reply:
        frame = line.addressee.frame(request, pending.qn)
        patience = self._patience
        for _ in range(1 + patience.resends):
            if not line.send(frame):
                return Reply(Ending.SILENT, "it does not read what is sent")
            await _sign(pending, patience.answer, lambda: pending.heard)
            if pending.heard or pending.reply:
                break
        else:
            return Reply(Ending.SILENT, f"no 9011, sent {1 + patience.resends} times")
        while pending.reply is None:
            pending.signs.clear()
            if not await _sign(pending, patience.result, pending.signs.is_set):
                return Reply(Ending.SILENT, f"no 9012, and nothing heard for {patience.result}")
        return pending.reply

    def _connect(self, message: Message, send: Send, now: datetime) -> _Line:
        old = self._lines.get(message.device)
        if old is not None:
            _end(old, _AWAY)
        line = _Line(Addressee.of(message), send, old.clock_due if old else now)
        self._lines[message.device] = line
        self._names.setdefault(send, set()).add(message.device)
        return line

    def _check_clock(self, line: _Line, message: Message, now: datetime) -> None:
        limit, error = self._patience.clock_off, clock_error(message, now)
        line.clock_due = now + self._patience.clock_every
        if limit is None or error is None or abs(error) <= limit:
            return
        log.info("hj212_clock_is_off", device=message.device, ahead_s=error.total_seconds())
        self._later(self._set_clock(message.device, ""))

    async def _set_clock(self, device: str, of: str) -> None:
        ended = await self.ask(device, set_clock(self._clock(), of))
        log.info("hj212_clock_set", device=device, ending=ended.ending, said=ended.sentence)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _new_qn(self) -> str:
        """QN: the time to the millisecond, and never the same twice."""
        now = self._clock().astimezone(CHINA)
        fresh = now.strftime("%Y%m%d%H%M%S%f")[:17]
        self._last_qn = max(fresh, str(int(self._last_qn or 0) + 1))
        return self._last_qn


def _note(pending: _Pending, message: Message) -> None:
    if message.command == pending.command:  # what was asked for; other reports say nothing of it
        pending.frames += 1
        pending.signs.set()
    elif message.command in RESULTS and answered_qn(message) == pending.qn:
        pending.heard = True
        pending.reply = reply(message)
        pending.signs.set()


def _end(line: _Line, ended: Reply) -> None:
    if line.pending is not None:
        line.pending.reply = line.pending.reply or ended
        line.pending.signs.set()


async def _sign(pending: _Pending, limit: timedelta, enough: Callable[[], bool]) -> bool:
    """Wait for ``enough`` or the request's end; whether it came in time."""
    try:
        async with asyncio.timeout(limit.total_seconds()):
            while not enough() and pending.reply is None:
                pending.signs.clear()
                await pending.signs.wait()
    except TimeoutError:
        return False
    return True
