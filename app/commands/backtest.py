"""``yanchen backtest``: what other limits would have meant for the readings that are stored."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from alerts.policy import Policy
from app.backtest import Progress as Tell
from app.backtest import run_backtest, ways_up
from app.backtest_plan import Plan
from app.commands.lines import table
from app.commands.span import parse_span
from app.difference import Line, NightLine, SiteLine, Totals, difference
from domain.errors import ConfigError
from rules.backtest import Packs, concerned
from rules.change import changed_packs, parse_change
from rules.pack import load_packs
from runtime.database import open_pool
from runtime.settings import Settings, load_settings

_MINUTE = timedelta(minutes=1)


def backtest(
    first: Annotated[str, typer.Option("--from", help="first local day, as 2026-10-01")],
    last: Annotated[str, typer.Option("--to", help="last local day, included")],
    *,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="[STANDARD:]NAME.limit=VALUE, NAME a factor or a limit's id; or .valid_share …",
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(help="another window, as 15min, for the limits that --set names; else for all"),
    ] = None,
    packs: Annotated[
        list[str] | None, typer.Option(help="pack file, folder, or city-programme; beside today's packs")
    ] = None,
    site: Annotated[list[str] | None, typer.Option(help="only this site")] = None,
    area: Annotated[str, typer.Option(help="only sites whose administrative code begins so")] = "",
    handled_within: Annotated[str, typer.Option(help="after which a case is taken to have ended")] = "12h",
    save: Annotated[Path | None, typer.Option(help="write the JSON lines into this file too")] = None,
) -> None:
    """Judge stored readings by today's packs and by changed ones, and tell the difference.

    Exit code 0: done; 1: nothing is stored of these days; 2: wrong use.
    """
    settings = load_settings()
    sets = _sets(settings, packs or [], changes or [], window)
    plan = Plan(
        first=_day("--from", first),
        last=_day("--to", last),
        sets=sets,
        factors=concerned(*sets),
        rule=Policy.of(settings).rule,
        sites=frozenset(site or ()),
        area=area,
    )
    if plan.last < plan.first:
        raise ConfigError(f"--to {last} is before --from {first}; swap them")
    handled = parse_span(handled_within)
    lines = asyncio.run(_run(settings, plan, handled))
    if save is not None:
        save.write_text("".join(f"{_json(line)}\n" for line in lines), encoding="utf-8")
    _show(lines)
    totals = lines[-1]
    assert isinstance(totals, Totals)
    if not totals.readings:
        print(f"no readings of {', '.join(plan.factors)} are stored of these days", file=sys.stderr)
        raise typer.Exit(1)


def _sets(
    settings: Settings, extra: Sequence[str], changes: Sequence[str], window: str | None
) -> tuple[Packs, Packs]:
    """Today's packs, as the rules service has them, and the changed ones.

    Raises:
        ConfigError: a pack or a change is wrong.
    """
    today = [str(path) for path in settings.rules.packs]
    minutes = None
    if window is not None:
        span = parse_span(window)
        if span < _MINUTE or span % _MINUTE:
            raise ConfigError(f"--window {window}: windows are whole minutes; write 10min, 15min or 1h")
        minutes = span // _MINUTE
    changed = changed_packs(load_packs([*today, *extra]), [parse_change(text) for text in changes], minutes)
    return load_packs(today), changed


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{option} {text!r} is no day; write it as 2026-10-01") from error


async def _run(settings: Settings, plan: Plan, handled_within: timedelta) -> list[Line]:
    async with open_pool(settings.database) as pool:
        with _bar() as tell:
            result = await run_backtest(pool, plan, tell)
        sites = frozenset(device.site.site for device in result.devices.values())
        return list(difference(plan, result, await ways_up(pool, sites), handled_within))


@contextmanager
def _bar() -> Iterator[Tell]:
    """A progress bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (
        TextColumn("judging"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("judging", total=1.0)
        yield lambda done: bar.update(task, completed=done)


def _show(lines: Sequence[Line]) -> None:
    """Tables for eyes on a terminal, JSON lines for everything else."""
    if not sys.stdout.isatty():
        for line in lines:
            print(_json(line))
        return
    console = Console()
    for kind in (SiteLine, NightLine):
        if found := [line for line in lines if isinstance(line, kind)]:
            console.print(table(found))
    for line in lines:
        if isinstance(line, Totals):
            console.print(_sums(line))


def _json(line: Line) -> str:
    return msgspec.json.encode(line).decode()


def _sums(totals: Totals) -> Table:
    seconds = f"{totals.readings} readings of {totals.devices} devices in {totals.seconds:g} s"
    found = Table(title=f"{totals.first} to {totals.last}", caption=seconds)
    found.add_column("")
    for name in ("before", "after"):
        found.add_column(name, justify="right")
    for name in totals.before.__struct_fields__:
        found.add_row(name, str(getattr(totals.before, name)), str(getattr(totals.after, name)))
    return found
