"""Publishing HJ 212 frames over TCP: every frame waits for its 9014, and is sent again if none comes.

Each device has its own connection as far as the pool reaches; beyond, devices share one, and
answers are told apart by QN and MN. A device has one frame on its way at a time.
"""

import asyncio
import contextlib
import zlib
from dataclasses import dataclass
from typing import Final, Self

from domain.errors import ConfigError, Unavailable
from simulators.door import PATIENCE_S, InFlight, Settle
from simulators.hj212_frame import parse_answer
from simulators.publication import Publication

_RECONNECT_S: Final = 0.5
_GOODBYE_S: Final = 5.0
_DATA_ANSWER: Final = "9014"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hj212Target:
    """A gateway and how to talk to it; time-out and resends as in table 1 of HJ 212-2017.

    Attributes:
        host: of the gateway.
        port: of the gateway.
        connections: most connections; more devices than that share them.
        answer_s: how long an answer may take, seconds.
        resends: how often a frame is sent again.
        patience_s: how long to try to connect before a frame is given up, seconds.
        window: most frames handed over and not settled.
    """

    host: str
    port: int
    connections: int = 64
    answer_s: float = 10.0
    resends: int = 3
    patience_s: float = 60.0
    window: int = 1000

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read ``host:port``.

        Raises:
            ConfigError: it is no such address.
        """
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal():
            raise ConfigError(f"{text!r} is no HJ 212 address; write host:port")
        return cls(host=host.strip("[]"), port=int(port))


class Hj212Door:
    """The HJ 212 door: a queue for each device over a pool of connections."""

    def __init__(self, target: Hj212Target, settle: Settle) -> None:
        self._target = target
        self._settle = settle
        self._in_flight = InFlight()
        self._room = asyncio.Semaphore(target.window)
        self._lines: dict[int, _Line] = {}
        self._order: dict[str, int] = {}
        self._queues: dict[str, asyncio.Queue[Publication]] = {}
        self._workers: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """See that the gateway is there.

        Raises:
            Unavailable: it does not answer.
        """
        line = _Line(self._target)
        self._lines[0] = line
        await line.connected()

    async def send(self, publication: Publication) -> None:
        """Queue a frame behind the others of its device; waits while the window is full."""
        await self._room.acquire()
        self._in_flight.begin()
        queue = self._queues.get(publication.device)
        if queue is None:
            queue = self._queues[publication.device] = asyncio.Queue()
            line = self._line(publication.device)
            self._workers.append(asyncio.create_task(self._work(queue, line), name=publication.device))
        queue.put_nowait(publication)

    async def drain(self) -> None:
        """Wait until every frame is answered or given up."""
        await self._in_flight.wait_none()

    async def close(self) -> None:
        """Wait for what is on its way, settle the rest as unconfirmed, hang up."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.drain(), PATIENCE_S)
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for queue in self._queues.values():
            while not queue.empty():
                self._settle(queue.get_nowait(), False)
        await asyncio.gather(*(line.hang_up() for line in self._lines.values()))

    def _line(self, device: str) -> "_Line":
        number = len(self._order)
        if number >= self._target.connections:
            number = zlib.crc32(device.encode()) % self._target.connections
        self._order[device] = number
        return self._lines.setdefault(number, _Line(self._target))

    async def _work(self, queue: asyncio.Queue[Publication], line: "_Line") -> None:
        while True:
            publication = await queue.get()
            confirmed = False
            try:
                confirmed = await line.deliver(publication)
            finally:
                self._settle(publication, confirmed)
                self._room.release()
                self._in_flight.end()


class _Line:
    """One connection, made when it is needed and again when it broke."""

    def __init__(self, target: Hj212Target) -> None:
        self._target = target
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._awaited: dict[tuple[str, str], asyncio.Future[None]] = {}

    async def deliver(self, publication: Publication) -> bool:
        """Send until answered; a frame that nobody will answer counts as done when written."""
        if not publication.answered:
            return await self._attempt(publication.payload, None)
        parsed = parse_answer(publication.payload)
        key = None if parsed is None else parsed[1:]
        for _ in range(1 + self._target.resends):
            if await self._attempt(publication.payload, key):
                return True
        return False

    async def _attempt(self, payload: bytes, key: tuple[str, str] | None) -> bool:
        """Write once and, where a key is given, wait for its answer."""
        try:
            writer = await self.connected()
            answer: asyncio.Future[None] | None = None
            if key is not None:
                answer = self._awaited[key] = asyncio.get_running_loop().create_future()
            writer.write(payload)
            await writer.drain()
            if answer is not None:
                await asyncio.wait_for(answer, self._target.answer_s)
        except (OSError, TimeoutError, Unavailable):
            return False
        finally:
            if key is not None:
                self._awaited.pop(key, None)
        return True

    async def connected(self) -> asyncio.StreamWriter:
        """The connection, made if need be.

        Raises:
            Unavailable: the gateway did not answer for the target's patience.
        """
        async with self._connecting:
            if self._writer is not None and not self._writer.is_closing():
                return self._writer
            deadline = asyncio.get_running_loop().time() + self._target.patience_s
            while True:
                try:
                    reader, self._writer = await asyncio.open_connection(self._target.host, self._target.port)
                except OSError as error:
                    if asyncio.get_running_loop().time() >= deadline:
                        place = f"{self._target.host}:{self._target.port}"
                        raise Unavailable(
                            f"the HJ 212 gateway at {place} does not answer: {error}"
                        ) from error
                    await asyncio.sleep(_RECONNECT_S)
                else:
                    self._reader = asyncio.create_task(self._read(reader, self._writer))
                    return self._writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand answers to those who wait for them until the gateway hangs up."""
        try:
            while line := await reader.readline():
                answer = parse_answer(line)
                if answer is not None and answer[0] == _DATA_ANSWER:
                    waiting = self._awaited.get(answer[1:])
                    if waiting is not None and not waiting.done():
                        waiting.set_result(None)
        except (OSError, ValueError):
            pass  # a broken connection ends like a closed one: what waited is sent again
        finally:
            writer.close()
            for waiting in self._awaited.values():
                if not waiting.done():
                    waiting.set_exception(ConnectionResetError("the gateway hung up"))

    async def hang_up(self) -> None:
        """Say that nothing more comes and let the gateway read to the end."""
        if self._writer is None or self._reader is None:
            return
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.write_eof()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._reader, _GOODBYE_S)
        self._writer.close()
