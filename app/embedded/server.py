"""What all embedded servers have in common: one folder, one log, start, stop and a pulled plug."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.embedded.folder_lock import FolderLock
from app.embedded.ports import accepts
from app.embedded.process import Command, Process
from domain.errors import Unavailable, YanchenError

_READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the servers live and how they are to behave.

    Args:
        data: the folder below which each server has its own.
        cache: where fetched programs are kept.
        lock: held by every server for as long as it lives.
        durable: whether what is acknowledged must outlive a power cut, not only a killed process.
        say: told, in one line each, what takes long and what stands in for what.
    """

    data: Path
    cache: Path
    lock: FolderLock
    durable: bool = True
    say: Callable[[str], None] = lambda _: None

    @property
    def logs(self) -> Path:
        """The folder of the servers' log files."""
        return self.data / "logs"


class Server(ABC):
    """One embedded server. It may be started again after `stop` and `kill`, on the same port and data."""

    name: str

    def __init__(self, place: Place, port: int) -> None:
        self.place = place
        self.port = port
        self.version = "unknown"
        self.warning: str | None = None
        self.started_in = 0.0
        self._process: Process | None = None
        self._installed = False

    @property
    def log(self) -> Path:
        """The log file of the last start."""
        return self.place.logs / f"{self.name}.log"

    @property
    def folder(self) -> Path:
        """The folder of this server's data."""
        return self.place.data / self.name

    @property
    def running(self) -> bool:
        """Whether the server's process is there."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int | None:
        """The id of the server's process, None when it does not run."""
        return self._process.pid if self._process is not None and self._process.running else None

    async def start(self) -> None:
        """Start the server and return when it serves; nothing to do when it runs.

        Raises:
            YanchenError: it did not start; the message names the part, the reason and the log.
        """
        if self.running:
            return
        began = time.monotonic()
        await self._install_once()
        await asyncio.to_thread(self._prepare)
        if accepts(self.port):
            raise Unavailable(f"{self.name} did not start: another program listens on port {self.port}")
        self._process = await Process.spawn(self._command())
        try:
            await self._process.wait_ready(self._ready, _READY_SECONDS)
            await self._opened()
        except BaseException:
            await self._process.kill()
            raise
        self.started_in = time.monotonic() - began

    async def stop(self) -> None:
        """End the server cleanly."""
        if self._process is not None:
            await self._process.stop()

    async def kill(self) -> None:
        """End the server at once, as a power cut would."""
        if self._process is not None:
            await self._process.kill()

    async def restart(self) -> None:
        """Stop cleanly and start again."""
        await self.stop()
        await self.start()

    async def _install_once(self) -> None:
        if self._installed:
            return
        try:
            await asyncio.to_thread(self._install)
        except YanchenError as error:
            raise type(error)(f"{self.name} cannot be started: {error}") from error
        except OSError as error:
            raise Unavailable(f"{self.name} cannot be started: {error}") from error
        self._installed = True
        if self.warning:
            self.place.say(f"{self.name}: {self.warning}")

    @abstractmethod
    def _install(self) -> None:
        """Find the program, or fetch it; may block."""

    @abstractmethod
    def _prepare(self) -> None:
        """Write the configuration and initialise the data folder; may block."""

    @abstractmethod
    def _command(self) -> Command:
        """What to run."""

    @abstractmethod
    async def _ready(self) -> bool:
        """Whether the server serves."""

    async def _opened(self) -> None:  # noqa: B027 - most servers have nothing left to do
        """What is left to do once it serves."""
