"""A platform for the time of an examination: listens, and examines every device that connects."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from app.conformance.card import Card
from app.conformance.exam import Exam
from app.conformance.expected import Expected
from app.conformance.line import Line

_READ_BYTES: Final = 65_536
_MOST_CONNECTIONS: Final = 100


class Examiner:
    """Keeps one exam for each device, over all its connections.

    Args:
        expected: what is known of the device beforehand.
    """

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._exams: dict[str, Exam] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port.

        Raises:
            OSError: the address cannot be listened on.
        """
        self._server = await asyncio.start_server(self._serve, host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> list[Card]:
        """Close every connection; returns a card for every device that said something."""
        assert self._server is not None, "it was started"
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return [exam.end(datetime.now(UTC)) for exam in self._exams.values()]

    def _exam_of(self, device: str) -> Exam:
        return self._exams.setdefault(device, Exam(device, self._expected))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._tasks) >= _MOST_CONNECTIONS:
            writer.close()
            return
        self._tasks.add(task)
        line = Line("{}:{}".format(*writer.get_extra_info("peername")[:2]), self._exam_of)
        try:
            while data := await reader.read(_READ_BYTES):
                writer.write(line.receive(data, datetime.now(UTC)))
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            return  # what was said before counts
        finally:
            line.end()
            self._tasks.discard(task)
            writer.close()


async def examine_devices(host: str, port: int, span: timedelta, expected: Expected) -> list[Card]:
    """Listen for so long, and examine the devices that connect.

    Raises:
        OSError: the address cannot be listened on.
    """
    examiner = Examiner(expected)
    await examiner.start(host, port)
    try:
        await asyncio.sleep(span.total_seconds())
    finally:
        cards = await examiner.stop()
    return cards
