"""All embedded servers together, started at once over one data folder."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from app.embedded.account import require_reachable, unprivileged
from app.embedded.cache import cache_dir
from app.embedded.folder_lock import FolderLock
from app.embedded.kafka import Kafka
from app.embedded.mosquitto import Mosquitto
from app.embedded.ports import Ports, settle
from app.embedded.server import Place, Server
from app.embedded.timescaledb import TimescaleDB


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the servers of a stack are reached.

    Args:
        kafka_bootstrap: host and port of the Kafka broker.
        mqtt_host: the host of the MQTT broker.
        mqtt_port: its port.
        mqtt_user: the user of Yanchen's services on it, who may read and write everything.
        mqtt_password: that user's password.
        database_url: the address of the database ``yanchen``, password included.
        logs: the folder of the servers' log files.
    """

    kafka_bootstrap: str
    mqtt_host: str
    mqtt_port: int
    mqtt_user: str
    mqtt_password: str
    database_url: str
    logs: Path


class Stack:
    """Kafka, mosquitto and TimescaleDB as plain processes; used with ``async with``.

    Each of `kafka`, `mqtt` and `database` has ``start``, ``stop``, ``kill`` and ``restart`` of its own and
    comes back on the same port with the same data. The same folder may be used again by a later stack.

    Args:
        data_dir: the folder of all data and logs, made where it is missing.
        durable: whether what is acknowledged must outlive a power cut; tests say no.
        mqtt_users: name and password of each device user; `mqtt.set_users` changes them later.
        ports: the ports to use, each 0 for any free one.
        cache: where fetched programs are kept, by default the user's cache folder.
        say: told, in one line each, what takes long and what stands in for what.
        lock_seconds: how long to wait for the servers of a killed run, which take a moment to end.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        durable: bool = True,
        mqtt_users: Iterable[tuple[str, str]] = (),
        ports: Ports | None = None,
        cache: Path | None = None,
        say: Callable[[str], None] = lambda _: None,
        lock_seconds: float = 30,
    ) -> None:
        self.data_dir = data_dir.expanduser().resolve()
        self.ports = settle(ports or Ports())
        self._lock = FolderLock(self.data_dir / "lock")
        self._lock_seconds = lock_seconds
        place = Place(self.data_dir, cache or cache_dir(), self._lock, durable, say)
        self.kafka = Kafka(place, self.ports.kafka, self.ports.kafka_controller)
        self.mqtt = Mosquitto(place, self.ports.mqtt, mqtt_users)
        self.database = TimescaleDB(place, self.ports.database)
        self.started_in = 0.0

    @property
    def servers(self) -> tuple[Server, ...]:
        """All parts, for whoever wants to print or stop them one after the other."""
        return (self.kafka, self.mqtt, self.database)

    @property
    def warnings(self) -> dict[str, str]:
        """Part to what stands in for it and what that costs; empty when everything is the real one."""
        return {server.name: server.warning for server in self.servers if server.warning}

    @property
    def endpoints(self) -> Endpoints:
        """Where the servers are reached; complete once the stack has started."""
        return Endpoints(
            kafka_bootstrap=self.kafka.bootstrap,
            mqtt_host=self.mqtt.host,
            mqtt_port=self.mqtt.port,
            mqtt_user=self.mqtt.user,
            mqtt_password=self.mqtt.password,
            database_url=self.database.url,
            logs=self.data_dir / "logs",
        )

    async def start(self) -> Endpoints:
        """Start all servers at once and return when all of them serve.

        Raises:
            YanchenError: one did not start; the message names it, the reason and its log. None keeps running.
        """
        began = time.monotonic()
        await asyncio.to_thread(_open_folder, self.data_dir)
        await self._lock.acquire(self._lock_seconds)
        try:
            async with asyncio.TaskGroup() as group:
                for server in self.servers:
                    group.create_task(server.start())
        except BaseExceptionGroup as failures:
            await self.stop()
            raise failures.exceptions[0] from None
        except BaseException:
            await self.stop()
            raise
        self.started_in = time.monotonic() - began
        return self.endpoints

    async def stop(self) -> None:
        """Stop all servers cleanly and let go of the folder."""
        await asyncio.gather(*(server.stop() for server in self.servers))
        self._lock.release()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def default_data_dir() -> Path:
    """Where a one-box trial keeps its data when nobody says otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/yanchen")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "yanchen"


def _open_folder(folder: Path) -> None:
    """Make the folder, and let the unprivileged user of the servers walk through it."""
    folder.mkdir(parents=True, exist_ok=True)
    account = unprivileged()
    if account is not None:
        folder.chmod(folder.stat().st_mode | 0o711)
    require_reachable(folder / "lock", account, "choose a data folder that others may enter")
