"""The HJ 212 gateway: devices over TCP → Kafka, answered when Kafka has it, and spoken to.

One task per connection (``ingest.connection``); this module opens, counts and ends them.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import structlog

from domain.errors import Unavailable
from domain.site import Device
from ingest.admission import Bounds
from ingest.commands import Commands, Patience
from ingest.connection import READ_BYTES, Connection, Publish, Shared, close
from ingest.hj212.command import Reply, make_up
from ingest.hj212.door import Door
from ingest.hj212.packets import Packets
from ingest.hj212.session import Session
from ingest.limits import Buckets, Limits

log = structlog.get_logger()


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
        patience: how long commands wait for a device, and how often clocks are set.

    Attributes:
        commands: speaks to the devices that are connected.
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
        patience: Patience | None = None,
    ) -> None:
        limits = self._limits = limits or Limits()
        self._address = (host, port)
        self._door = Door(register, bounds, Packets(limits.packet_timeout))
        self.commands = Commands(clock, patience)
        self._shared = Shared(
            publish=publish,
            commands=self.commands,
            limits=limits,
            clock=clock,
            in_flight=asyncio.Semaphore(limits.in_flight),
            bytes=Buckets(limits.bytes_per_peer, limits.burst_per_peer),
        )
        self._connects = Buckets(limits.connects_per_peer, limits.connections_per_peer)
        self._peers: Counter[str] = Counter()
        self._open: dict[asyncio.Task[None], Connection] = {}
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
        return len(self._open)

    async def ask_make_up(self, device: str, start: datetime, end: datetime, *, hours: bool = False) -> Reply:
        """Ask a device for what it has stored of a time (补传); its frames come in like any other.

        Args:
            device: MN.
            start: of the first minute, or hour.
            end: of the last one.
            hours: hourly data (2061), which are kept as statistics only, instead of minutes (2051).

        Returns:
            How it ended; nothing is raised for what a device does or does not do.

        Raises:
            ConfigError: the end lies before the start.
        """
        return await self.commands.ask(device, make_up(start, end, hours=hours))

    async def start(self) -> None:
        """Listen."""
        self._stopping = False
        self._server = await asyncio.start_server(self._serve, *self._address, limit=READ_BYTES, backlog=1024)
        log.info("hj212_gateway_listens", host=self._address[0], port=self.port)

    async def stop(self, drain: timedelta = timedelta(seconds=10)) -> None:
        """Stop listening, let what is being published be answered, close the rest."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        self._stopping = True
        await self.commands.close()
        for task, connection in list(self._open.items()):
            if connection.quiet:
                task.cancel()
        if self._open:
            await asyncio.wait(list(self._open), timeout=drain.total_seconds())
        cut_off = list(self._open)
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
                await self._shared.publish(rest)
            except Unavailable as error:  # unanswered parts: their devices send them again
                log.warning("hj212_held_parts_not_recorded", error=str(error), count=len(rest.rejected))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = (writer.get_extra_info("peername") or ("unknown", 0))[:2]
        origin = f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
        if full := self._full(host):
            log.warning("hj212_connection_refused", peer=origin, reason=full)
            await close(writer)
            return
        task = asyncio.current_task()
        assert task is not None
        session = Session(self._door, origin, self._limits.frame_bytes, self._limits.rubbish_bytes)
        connection = Connection(self._shared, session, reader, writer, host=host, origin=origin)
        self._open[task] = connection
        self._peers[host] += 1
        reason = "cut off"
        try:
            reason = await connection.converse(lambda: self._stopping)
        except asyncio.CancelledError:
            reason = "the gateway stops"  # the task ends here; nobody waits for its result
        finally:
            del self._open[task]
            self._peers[host] -= 1
            if not self._peers[host]:
                del self._peers[host]
            log.info("hj212_connection_closed", peer=origin, reason=reason)
            await close(writer)

    def _full(self, host: str) -> str | None:
        limits = self._limits
        if self._stopping:
            return "the gateway stops"
        if len(self._open) >= limits.connections:
            return f"{limits.connections} connections are open"
        if self._peers[host] >= limits.connections_per_peer:
            return f"{limits.connections_per_peer} connections of this address are open"
        if self._connects.take(host, 1, asyncio.get_running_loop().time()):
            return f"more than {limits.connects_per_peer:g} connections a second come from this address"
        return None
