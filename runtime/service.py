"""The life of a service: start, be restarted by itself when a neighbour is away, stop cleanly.

A service is a coroutine that runs until it is cancelled. When a neighbour is away it
raises ``Unavailable``; everything it held is let go, and after a pause it begins again
from what its neighbours have stored. So there is one way to recover, used every day.
"""

import asyncio
import contextlib
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from domain.errors import ConfigError, Unavailable
from runtime.logs import configure_logs
from runtime.metrics import serve_metrics
from runtime.settings import Settings

log = structlog.get_logger()

Main = Callable[[Settings], Awaitable[None]]

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 15.0
_HEALTHY_AFTER_S: Final = 30.0
_HEARTBEAT_S: Final = 5.0


def run_service(name: str, main: Main, settings: Settings) -> int:
    """Run a service until SIGTERM or SIGINT.

    Returns:
        Exit code: 0 after a clean stop, 2 when the configuration is wrong.
    """
    configure_logs(name, settings.log_format)
    serve_metrics(settings.metrics_port)
    try:
        asyncio.run(_until_stopped(main, settings))
    except ConfigError as error:
        print(f"yanchen {name}: {error}", file=sys.stderr)  # noqa: T201 - the operator's terminal
        return 2
    return 0


async def _until_stopped(main: Main, settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    work = asyncio.create_task(_keep_running(main, settings), name="work")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not work.done():
        log.info("stopping")
        work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


async def _keep_running(main: Main, settings: Settings) -> None:
    pause = _FIRST_PAUSE_S
    while True:
        started = time.monotonic()
        try:
            async with _beating(settings.heartbeat):
                await main(settings)
        except* Unavailable as group:
            log.warning(
                "neighbour_away", errors=[str(error) for error in _leaves(group)], retry_in_s=round(pause, 1)
            )
        else:
            return
        if time.monotonic() - started > _HEALTHY_AFTER_S:
            pause = _FIRST_PAUSE_S
        await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
        pause = min(pause * 2, _LONGEST_PAUSE_S)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


@contextlib.asynccontextmanager
async def _beating(heartbeat: Path | None):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Touch the heartbeat file while the work goes on; a container's health check looks at its age."""
    if heartbeat is None:
        yield
        return

    async def beat() -> None:
        while True:
            heartbeat.touch()  # noqa: ASYNC240 - one system call, every few seconds
            await asyncio.sleep(_HEARTBEAT_S)

    task = asyncio.create_task(beat(), name="heartbeat")
    try:
        yield
    finally:
        task.cancel()
