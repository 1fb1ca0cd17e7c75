"""One device's connection: read, decode, publish, answer, read again.

What is not published yet is not answered, and while it is not, nothing more is read from that
device: the same order of work keeps the promise of the answer and bounds what is in flight.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from domain.errors import Unavailable
from ingest.admission import Admitted
from ingest.commands import Commands
from ingest.hj212.session import Outcome, Session
from ingest.limits import Buckets, Limits, cost
from runtime.metrics import HJ212_FRAMES

log = structlog.get_logger()

Publish = Callable[[Admitted], Awaitable[None]]
"""Returns when Kafka has acknowledged everything; raises ``Unavailable`` if it could not."""

READ_BYTES: Final = 8_192
"""Of one device at a time: while these are looked through, all others wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all connections of a gateway have in common."""

    publish: Publish
    commands: Commands
    limits: Limits
    clock: Callable[[], datetime]
    in_flight: asyncio.Semaphore
    bytes: Buckets


class Connection:
    """A conversation with one peer.

    Args:
        shared: what it has in common with the others.
        session: decides on what comes.
        reader: from the peer.
        writer: to the peer.
        host: the peer's address.
        origin: the peer, for the records.

    Attributes:
        quiet: it waits for the device, so that it may be cut off now.
    """

    def __init__(
        self,
        shared: Shared,
        session: Session,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        host: str,
        origin: str,
    ) -> None:
        self._shared = shared
        self._session = session
        self._reader = reader
        self._writer = writer
        self._host = host
        self._origin = origin
        self._rules = {"standard"}  # that the log knows
        self.quiet = True

    async def converse(self, stopping: Callable[[], bool]) -> str:
        """Serve the device; return why it ended."""
        try:
            while True:
                data, ended = await self._read()
                self.quiet = False
                outcome = await self._take(data)
                ended = await self._settle(outcome) or outcome.hopeless or ended
                if ended or stopping():
                    return ended or "the gateway stops"
                self.quiet = True
                await self._breathe(len(data), outcome.refused)
        finally:
            self._shared.commands.forget(self.send)

    def send(self, data: bytes) -> bool:
        """Write without waiting; false if the device does not read."""
        transport = self._writer.transport
        if transport.is_closing() or transport.get_write_buffer_size() > READ_BYTES:
            return False
        self._writer.write(data)
        return True

    async def _read(self) -> tuple[bytes, str | None]:
        """What came, and why nothing more will, if so."""
        idle = self._shared.limits.idle
        try:
            async with asyncio.timeout(idle.total_seconds()):
                data = await self._reader.read(READ_BYTES)
        except TimeoutError:
            return b"", f"silent for {idle}"
        except ConnectionError as error:
            return b"", f"connection lost: {error}"
        return data, None if data else "closed by the device"

    async def _take(self, data: bytes) -> Outcome:
        now = self._shared.clock()
        outcome = self._session.receive(data, now) if data else self._session.end(now)
        for rule, count in outcome.crc_rules.items():
            HJ212_FRAMES.labels(rule).inc(count)
            if rule not in self._rules:
                self._rules.add(rule)
                log.info("hj212_checksum_by_another_rule", peer=self._origin, crc=rule)
        return outcome

    async def _settle(self, outcome: Outcome) -> str | None:
        """Publish, then answer; why the connection cannot go on, if it cannot."""
        admitted = outcome.admitted
        if admitted.reports or admitted.rejected:
            try:
                async with self._shared.in_flight:
                    await self._shared.publish(admitted)
            except Unavailable as error:
                # Without an answer the device sends it all again, to whoever is there then.
                return f"not stored, so not answered: {error}"
        if outcome.answers and (trouble := await self._answer(outcome.answers)):
            return trouble
        for message in outcome.heard:
            self._shared.commands.hear(message, self.send)
        return None

    async def _answer(self, answers: bytes) -> str | None:
        try:
            self._writer.write(answers)
            async with asyncio.timeout(self._shared.limits.write_timeout.total_seconds()):
                await self._writer.drain()
        except TimeoutError:
            return "the device does not read its answers"
        except ConnectionError as error:
            return f"connection lost: {error}"
        return None

    async def _breathe(self, taken: int, refused: int) -> None:
        """Wait while the peer's bucket is in debt."""
        now = asyncio.get_running_loop().time()
        debt = self._shared.bytes.take(self._host, cost(taken, refused), now)
        if debt:
            await asyncio.sleep(debt)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close for good; what a device that went away did not read is of no use to it."""
    if writer.transport.get_write_buffer_size():
        writer.transport.abort()
    writer.close()
    try:
        await writer.wait_closed()
    except (ConnectionError, TimeoutError, asyncio.CancelledError):
        log.debug("hj212_connection_was_gone")
