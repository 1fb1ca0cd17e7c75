"""``yanchen demo``: everything, from nothing."""

import asyncio
import contextlib
import json
import shutil
import signal
import tempfile
import time
import webbrowser
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.commands.span import parse_span
from app.demo import Demo, open_demo
from app.summary import Summary

_console = Console(stderr=True)


def demo(
    run_for: Annotated[
        int | None, typer.Option("--for", min=1, help="end by itself after this many seconds")
    ] = None,
    replay: Annotated[
        str, typer.Option(help="how much of the past to send first, such as 3h or 45min")
    ] = "3h",
    browser: Annotated[bool, typer.Option(help="open the wall in a browser")] = True,
    summary: Annotated[Path | None, typer.Option(help="write the account of the run here, as JSON")] = None,
    data: Annotated[Path | None, typer.Option(help="keep data and logs in this folder")] = None,
) -> None:
    """An invented district of 60 restaurants and 20 construction sites on real servers, live.

    Ctrl-C stops everything it started. Exit code 1 when published reports are unaccounted for.
    """
    raise typer.Exit(asyncio.run(_run(run_for, parse_span(replay), browser, summary, data)))


async def _run(
    run_for: int | None, replay: timedelta, browser: bool, summary: Path | None, data: Path | None
) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    folder = data or Path(tempfile.mkdtemp(prefix="yanchen-demo-"))
    started = time.monotonic()
    try:
        async with open_demo(folder, replay, _say) as running:
            _introduce(running)
            if browser:
                await asyncio.to_thread(webbrowser.open, running.wall_url)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), run_for)
            if stop.is_set() and summary is None:
                _say("stopping")
                return 0
            account = await running.finish(started)
        return _report(account, summary)
    finally:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)


def _say(line: str) -> None:
    _console.print(f"[dim]·[/] {line}", highlight=False)


def _introduce(running: Demo) -> None:
    table = Table("账号 account", "密码 password", "姓名 name", "角色 role", title="演示账号 demo accounts")
    for account in running.accounts:
        table.add_row(account.username, account.password, account.name, account.role.value)
    console = Console()
    console.print(table)
    console.print(f"大屏 wall        {running.wall_url}", highlight=False, soft_wrap=True)
    console.print(f"中队 squad page  {running.squad_url}", highlight=False, soft_wrap=True)
    for door in running.doors:
        console.print(f"入口 door        {door}", highlight=False, soft_wrap=True)
    console.print(f"日志 logs        {running.data}/logs", highlight=False, soft_wrap=True)
    for part, warning in running.warnings.items():
        console.print(f"[yellow]{part}: {warning}[/]")
    console.print("Ctrl-C 停止全部进程 stops everything")


def _report(account: Summary, file: Path | None) -> int:
    text = json.dumps(account.as_dict(), ensure_ascii=False, indent=2)
    if file is not None:
        file.write_text(text + "\n", "utf-8")
    print(text)
    if account.missing or not account.balanced:
        _console.print("[red]published reports are unaccounted for: the account above does not close[/]")
        return 1
    return 0
