"""``yanchen up``: all services on this machine, with or without the embedded servers."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.broker_keeper import accounts_kept
from app.embedded.stack import Stack, default_data_dir
from app.fleet import Fleet, doors, environment
from runtime.migrations import migrate
from runtime.settings import load_settings

_console = Console(stderr=True)


def up(
    embedded: Annotated[bool, typer.Option(help="start Kafka, mosquitto and TimescaleDB too")] = False,
    data: Annotated[Path | None, typer.Option(help="folder of data and logs")] = None,
) -> None:
    """Run every service until Ctrl-C; settings come from the environment."""
    asyncio.run(_run(embedded, data or default_data_dir()))


async def _run(embedded: bool, data: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    settings = load_settings()
    async with AsyncExitStack() as things:
        env = {
            "YANCHEN_INGEST__HJ212_PORT": str(settings.ingest.hj212_port),
            "YANCHEN_WEB__PORT": str(settings.web.port),
        }
        url = settings.database.url
        if embedded:
            stack = await things.enter_async_context(Stack(data, say=_say))
            url = stack.endpoints.database_url
            env = environment(
                stack.endpoints, hj212_port=settings.ingest.hj212_port, web_port=settings.web.port, more={}
            )
        await asyncio.to_thread(migrate, url)
        if embedded:
            await things.enter_async_context(accounts_kept(stack.mqtt, url))
        await things.enter_async_context(Fleet({**os.environ, **env}, data / "logs"))
        _say(f"pages http://127.0.0.1:{settings.web.port}  HJ 212 port {settings.ingest.hj212_port}")
        for door in doors(env) if embedded else ():
            _say(door)
        await stop.wait()
        _say("stopping")


def _say(line: str) -> None:
    _console.print(f"[dim]·[/] {line}", highlight=False, soft_wrap=True)
