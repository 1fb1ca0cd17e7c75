"""The HJ 212 gateway: devices over TCP → Kafka, answered when Kafka has it.

One task per connection: read, decode, publish, answer, read again. What is not published
yet is not answered, and while it is not, nothing more is read from that device: the same
order of work keeps the promise of the answer and bounds what is in flight.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

import structlog

from domain.errors import Unavailable
from domain.site import Device
from ingest.admission import Admitted, Bounds
from ingest.hj212.door import Door
from ingest.hj212.framer import MAX_FRAME_BYTES
from ingest.hj212.packets import Packets
from ingest.hj212.session import Outcome, Session
from runtime.metrics import HJ212_FRAMES

log = structlog.get_logger()

Publish = Callable[[Admitted], Awaitable[None]]
"""Returns when Kafka has acknowledged everything; raises ``Unavailable`` if it could not."""

_READ_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one gateway puts up with.

    Attributes:
        connections: open at a time.
        connections_per_peer: of one address; many devices may share one behind a carrier's NAT.
        idle: silence after which a connection is closed.
        write_timeout: how long an answer may wait for a device that does not read.
        frame_bytes: longest frame.
        rubbish_bytes: so much without a good frame, and the connection is closed.
        in_flight: reads being published at a time, over all connections.
        packet_timeout: how long a message in parts may take.
    """

    connections: int = 10_000
    connections_per_peer: int = 1_000
    idle: timedelta = timedelta(minutes=15)
    write_timeout: timedelta = timedelta(seconds=10)
    frame_bytes: int = MAX_FRAME_BYTES
    rubbish_bytes: int = 65_536
    in_flight: int = 256
    packet_timeout: timedelta = timedelta(seconds=60)


class Gateway:
    """A TCP server for HJ 212 devices.

    Args:
        publish: hands on what was decided, and returns when it is safe.
        register: gives the devices as known now.
        bounds: how far DataTime may lie from the clock.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        limits: what it puts up with.
        clock: says the time.
    """

    def __init__(
        self,
        publish: Publish,
        register: Callable[[], Mapping[str, Device]],
        bounds: Bounds | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: Limits | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._publish = publish
        self._address = (host, port)
        self._limits = limits or Limits()
        self._clock = clock
        self._door = Door(register, bounds, Packets(self._limits.packet_timeout))
        self._in_flight = asyncio.Semaphore(self._limits.in_flight)
        self._peers: Counter[str] = Counter()
        self._tasks: dict[asyncio.Task[None], bool] = {}  # connection → may be cut off now
        self._stopping = False
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None, "the gateway is not started"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """How many devices are connected."""
        return len(self._tasks)

    async def start(self) -> None:
        """Listen."""
        self._stopping = False
        self._server = await asyncio.start_server(self._serve, *self._address, limit=_READ_BYTES)
        log.info("hj212_gateway_listens", host=self._address[0], port=self.port)

    async def stop(self, drain: timedelta = timedelta(seconds=10)) -> None:
        """Stop listening, let what is being published be answered, close the rest."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        self._stopping = True
        for task, idle in list(self._tasks.items()):
            if idle:
                task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=drain.total_seconds())
        cut_off = list(self._tasks)
        for task in cut_off:
            task.cancel()
        await asyncio.gather(*cut_off, return_exceptions=True)
        await self._publish_rest()
        log.info("hj212_gateway_stopped", cut_off=len(cut_off))

    async def __aenter__(self) -> Self:
        if self._server is None:
            await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _publish_rest(self) -> None:
        rest = self._door.expire()
        if rest.rejected:
            try:
                await self._publish(rest)
            except Unavailable as error:  # unanswered parts: their devices send them again
                log.warning("hj212_held_parts_not_recorded", error=str(error), count=len(rest.rejected))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        host, port = (writer.get_extra_info("peername") or ("unknown", 0))[:2]
        origin = f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
        if full := self._full(host):
            log.warning("hj212_connection_refused", peer=origin, reason=full)
            await _close(writer)
            return
        self._tasks[task] = True
        self._peers[host] += 1
        reason = "cut off"
        try:
            reason = await self._converse(task, reader, writer, origin)
        except asyncio.CancelledError:
            reason = "the gateway stops"  # the task ends here; nobody waits for its result
        finally:
            del self._tasks[task]
            self._peers -= Counter({host: 1})
            log.info("hj212_connection_closed", peer=origin, reason=reason)
            await _close(writer)

    def _full(self, host: str) -> str | None:
        if self._stopping:
            return "the gateway stops"
        if len(self._tasks) >= self._limits.connections:
            return f"{self._limits.connections} connections are open"
        if self._peers[host] >= self._limits.connections_per_peer:
            return f"{self._limits.connections_per_peer} connections of this address are open"
        return None

    async def _converse(
        self,
        task: asyncio.Task[None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        origin: str,
    ) -> str:
        """Serve one device; return why it ended."""
        limits = self._limits
        session = Session(self._door, origin, limits.frame_bytes, limits.rubbish_bytes)
        named: set[str] = set()
        while True:
            reason = None
            try:
                async with asyncio.timeout(limits.idle.total_seconds()):
                    data = await reader.read(_READ_BYTES)
            except TimeoutError:
                data, reason = b"", f"silent for {limits.idle}"
            except ConnectionError as error:
                data, reason = b"", f"connection lost: {error}"
            self._tasks[task] = False
            outcome = session.receive(data, self._clock()) if data else session.end(self._clock())
            self._count(outcome, named, origin)
            trouble = await self._settle(outcome, writer)
            reason = trouble or outcome.hopeless or reason or (None if data else "closed by the device")
            if reason:
                return reason
            if self._stopping:
                return "the gateway stops"
            self._tasks[task] = True

    def _count(self, outcome: Outcome, named: set[str], origin: str) -> None:
        """Count the frames; name each rule but the standard's once per connection."""
        for rule, count in outcome.crc_rules.items():
            HJ212_FRAMES.labels(rule).inc(count)
            if rule != "standard" and rule not in named:
                named.add(rule)
                log.info("hj212_checksum_by_another_rule", peer=origin, crc=rule)

    async def _settle(self, outcome: Outcome, writer: asyncio.StreamWriter) -> str | None:
        """Publish, then answer; why the connection cannot go on, if it cannot."""
        admitted = outcome.admitted
        if admitted.reports or admitted.rejected:
            try:
                async with self._in_flight:
                    await self._publish(admitted)
            except Unavailable as error:
                # Without an answer the device sends it all again, to whoever is there then.
                return f"not stored, so not answered: {error}"
        if not outcome.answers:
            return None
        try:
            writer.write(outcome.answers)
            async with asyncio.timeout(self._limits.write_timeout.total_seconds()):
                await writer.drain()
        except TimeoutError:
            return "the device does not read its answers"
        except ConnectionError as error:
            return f"connection lost: {error}"
        return None


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close for good; what a device that went away did not read is of no use to it."""
    if writer.transport.get_write_buffer_size():
        writer.transport.abort()
    writer.close()
    try:
        await writer.wait_closed()
    except (ConnectionError, TimeoutError, asyncio.CancelledError):
        log.debug("hj212_connection_was_gone")
