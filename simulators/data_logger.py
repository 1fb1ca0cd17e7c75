"""A data logger (数采仪) of HJ 212-2017: it reports minutes, keeps them all, and sends them again when asked.

It carries out 2051 (取分钟数据) and refuses every other command.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from domain.instant import CHINA
from domain.site import SiteKind
from simulators.hj212_frame import CODES, SYSTEM, crc, frame

_MINUTE_DATA: Final = "2051"
_ANSWERS: Final = frozenset({"9013", "9014"})
_TIME: Final = "%Y%m%d%H%M%S"


@dataclass(slots=True, kw_only=True)
class DataLogger:
    """A device and its memory.

    Attributes:
        device: MN.
        password: PW.
        kind: of the site, which decides on ST and codes.
        memory: what it has measured: instant → factor → value, in the units of ``hj212_frame.CODES``.
        checksum: what it takes for the checksum of HJ 212.
        asked: the times of which it was asked for minutes, both ends included.
    """

    device: str
    password: str
    kind: SiteKind
    memory: Mapping[datetime, Mapping[str, float]] = field(default_factory=dict)
    checksum: Callable[[bytes], int] = crc
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)
    _writer: asyncio.StreamWriter | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _answers: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def connect(self, host: str, port: int) -> None:
        """Open the connection by which it reports and is asked; an earlier one is closed."""
        await self.hang_up()
        reader, self._writer = await asyncio.open_connection(host, port)
        self._tasks.append(asyncio.create_task(self._listen(reader)))

    async def hang_up(self) -> None:
        """Close the connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._writer is not None:
            self._writer.close()
            with suppress(ConnectionError):
                await self._writer.wait_closed()

    async def report(self, instants: Iterable[datetime], answer_s: float = 10.0) -> list[datetime]:
        """Send these instants of its memory as real-time data (2011); those that were answered in time."""
        heard = []
        for at in instants:
            with suppress(TimeoutError):
                async with asyncio.timeout(answer_s):
                    await self._send_data("2011", f"{at.astimezone(CHINA):{_TIME}}000", at, "Rtd")
                heard.append(at)
        return heard

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            head, _, parameters = line[6:-6].decode("ascii", "replace").partition(";CP=")
            said = dict(_pairs(head))
            if said["CN"] in _ANSWERS:
                self._answers.put_nowait(said["QN"])
            else:
                work = self._obey(said["CN"], said["QN"], dict(_pairs(parameters.strip("&"))))
                self._tasks.append(asyncio.create_task(work))

    async def _obey(self, command: str, qn: str, parameters: Mapping[str, str]) -> None:
        if command != _MINUTE_DATA:
            self._send("91", "9011", qn, "QnRtn=8", flag=4)
            return
        begin, end = (
            datetime.strptime(parameters[name], _TIME).replace(tzinfo=CHINA)
            for name in ("BeginTime", "EndTime")
        )
        self.asked.append((begin, end))
        self._send("91", "9011", qn, "QnRtn=1", flag=4)
        wanted = [at for at in sorted(self.memory) if begin <= at <= end]
        for at in wanted:
            await self._send_data(_MINUTE_DATA, qn, at, "Avg")
        self._send("91", "9012", qn, f"ExeRtn={1 if wanted else 100}", flag=4)

    async def _send_data(self, command: str, qn: str, at: datetime, suffix: str) -> None:
        """Send a report and wait for its answer; one is on its way at a time."""
        codes = CODES[self.kind]
        items = [
            f"{codes[name]}-{suffix}={value:g},{codes[name]}-Flag=N"
            for name, value in self.memory[at].items()
        ]
        time = f"DataTime={at.astimezone(CHINA):{_TIME}}"
        async with self._turn:
            self._send(SYSTEM[self.kind], command, qn, ";".join([time, *items]), flag=5)
            while await self._answers.get() != qn:
                pass  # the late answer of a report that was given up

    def _send(self, system: str, command: str, qn: str, parameters: str, *, flag: int) -> None:
        assert self._writer is not None, "connect first"
        head = f"QN={qn};ST={system};CN={command};PW={self.password};MN={self.device};Flag={flag}"
        data = f"{head};CP=&&{parameters}&&".encode()
        self._writer.write(frame(data, self.checksum(data)))


def minutes(start: datetime, count: int) -> Iterator[datetime]:
    """So many minutes from an instant on."""
    return (start + timedelta(minutes=number) for number in range(count))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in text.replace(",", ";").split(";"):
        name, _, value = part.partition("=")
        yield name, value
