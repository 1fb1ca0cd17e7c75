"""The services of Yanchen as child processes, started again when they die."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from app.embedded.ports import accepts
from app.embedded.process import Command, Process
from app.embedded.stack import Endpoints

log = structlog.get_logger()

SERVICES: Final = ("ingest", "writer", "rules", "alerts", "web")
_WATCH_S: Final = 0.25
_READY_S: Final = 60.0


def environment(
    endpoints: Endpoints, *, hj212_port: int, web_port: int, more: Mapping[str, str]
) -> dict[str, str]:
    """The settings of all services for a stack, as environment variables."""
    return {
        "YANCHEN_KAFKA__BOOTSTRAP": endpoints.kafka_bootstrap,
        "YANCHEN_MQTT__HOST": endpoints.mqtt_host,
        "YANCHEN_MQTT__PORT": str(endpoints.mqtt_port),
        "YANCHEN_MQTT__USERNAME": endpoints.mqtt_user,
        "YANCHEN_MQTT__PASSWORD": endpoints.mqtt_password,
        "YANCHEN_DATABASE__URL": endpoints.database_url,
        "YANCHEN_INGEST__HJ212_HOST": "127.0.0.1",
        "YANCHEN_INGEST__HJ212_PORT": str(hj212_port),
        "YANCHEN_WEB__HOST": "127.0.0.1",
        "YANCHEN_WEB__PORT": str(web_port),
        "YANCHEN_WEB__PUBLIC_URL": f"http://127.0.0.1:{web_port}",
        **more,
    }


def doors(env: Mapping[str, str]) -> tuple[str, ...]:
    """Where other commands and devices find a running stack, one line each."""
    return (
        f"YANCHEN_DATABASE__URL={env['YANCHEN_DATABASE__URL']}",
        f"YANCHEN_KAFKA__BOOTSTRAP={env['YANCHEN_KAFKA__BOOTSTRAP']}",
        f"MQTT {env['YANCHEN_MQTT__HOST']}:{env['YANCHEN_MQTT__PORT']}",
        f"HJ 212 {env['YANCHEN_INGEST__HJ212_HOST']}:{env['YANCHEN_INGEST__HJ212_PORT']}",
    )


def yanchen(name: str, words: Sequence[str], logs: Path, env: Mapping[str, str]) -> Command:
    """The command ``yanchen WORDS`` as a child process that finds the modules which we found."""
    return Command(
        name=name,
        argv=[sys.executable, "-m", "app.cli", *words],
        log=logs / f"{name}.log",
        env={**env, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


class Fleet:
    """Our services, each a process of its own; used with ``async with``.

    Args:
        env: settings as environment variables.
        logs: folder of the log files.
        services: which to run.
    """

    def __init__(self, env: Mapping[str, str], logs: Path, services: Sequence[str] = SERVICES) -> None:
        self.env = env
        self.logs = logs
        self.services = services
        self.restarts = 0
        self._processes: dict[str, Process] = {}
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start all and return when the doors are open.

        Raises:
            Unavailable: one did not get ready; its log is quoted.
        """
        try:
            await asyncio.gather(*(self._start(name) for name in self.services))
            await asyncio.gather(*(self._wait_ready(name) for name in self.services))
        except BaseException:
            await self._stop_all()
            raise
        self._watching = asyncio.create_task(self._watch(), name="fleet")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watching:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        await self._stop_all()

    def pid(self, name: str) -> int:
        """The process id of a service."""
        return self._processes[name].pid

    async def kill(self, name: str) -> None:
        """Pull a service's plug; it is started again within moments."""
        await self._processes[name].kill()

    async def _start(self, name: str) -> None:
        self._heartbeat(name).unlink(missing_ok=True)
        env = {**self.env, "YANCHEN_HEARTBEAT": str(self._heartbeat(name))}
        self._processes[name] = await Process.spawn(yanchen(name, [name], self.logs, env))

    def _heartbeat(self, name: str) -> Path:
        return self.logs / f"{name}.heartbeat"

    async def _wait_ready(self, name: str) -> None:
        port = {"ingest": "YANCHEN_INGEST__HJ212_PORT", "web": "YANCHEN_WEB__PORT"}.get(name)

        async def ready() -> bool:
            return accepts(int(self.env[port])) if port else self._heartbeat(name).exists()

        await self._processes[name].wait_ready(ready, _READY_S)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_S)
            for name, process in list(self._processes.items()):
                if not process.running:
                    log.warning("service_died_started_again", service=name)
                    self.restarts += 1
                    await self._start(name)

    async def _stop_all(self) -> None:
        # Against the way of the data: who takes stops before who gives.
        for name in self.services:
            if name in self._processes:
                await self._processes[name].stop(within=10)
