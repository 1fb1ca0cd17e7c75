"""``yanchen simulate``: a city that behaves, and misbehaves on purpose, as files or over the doors."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.commands.span import parse_span
from domain.errors import ConfigError, Unavailable
from domain.instant import CHINA, iso, to_ms
from simulators.city import build_city
from simulators.files import write_files
from simulators.plan import SCENARIOS, Scenario, scenario_named
from simulators.publish_hj212 import Hj212Target
from simulators.publish_mqtt import MqttTarget
from simulators.run import Control, Plan, Targets, run
from simulators.tally import Tally

_DAY: Final = timedelta(days=1)


def simulate(
    scenario: Annotated[str, typer.Argument(help=f"one of: {', '.join(SCENARIOS)}")] = "demo",
    *,
    seed: Annotated[int, typer.Option(min=0, help="the same seed and start give the same bytes")] = 1,
    duration: Annotated[
        str | None, typer.Option("--for", help="how long, as 90s, 30m, 24h; live: until stopped")
    ] = None,
    start: Annotated[str | None, typer.Option(help="ISO 8601 with a zone; without one it is local")] = None,
    out: Annotated[Path | None, typer.Option(help="write files into this folder")] = None,
    mqtt: Annotated[str | None, typer.Option(help="mqtt://user:password@host:1883")] = None,
    hj212: Annotated[str | None, typer.Option(help="host:port of the HJ 212 gateway")] = None,
    replay: Annotated[str, typer.Option(help="how much of the past to publish before going live")] = "3h",
    speed: Annotated[float | None, typer.Option(min=1, help="fastest pace of the replay")] = None,
    tally: Annotated[Path | None, typer.Option(help="where to keep count of what was published")] = None,
) -> None:
    """Simulate a city: as files with --out, or over --mqtt and --hj212 (both may be given)."""
    try:
        chosen = scenario_named(scenario)
        begin = _instant(start) if start else None
        span = parse_span(duration) if duration else None
        targets = _targets(out, mqtt, hj212)
        plan = Plan(replay=parse_span(replay), duration=span, start=begin, speed=speed)
    except ConfigError as error:
        print(f"yanchen simulate: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    if out is not None:
        _to_files(chosen, seed, begin, span, out)
    else:
        _to_doors(chosen, seed, plan, targets, tally)


def _targets(out: Path | None, mqtt: str | None, hj212: str | None) -> Targets:
    """Where to publish.

    Raises:
        ConfigError: files and doors at once, or neither, or no such address.
    """
    if (out is not None) == (mqtt is not None or hj212 is not None):
        raise ConfigError("say either --out DIR, or --mqtt URL and/or --hj212 HOST:PORT")
    return Targets(
        mqtt=MqttTarget.from_url(mqtt) if mqtt else None,
        hj212=Hj212Target.from_text(hj212) if hj212 else None,
    )


def _to_files(
    scenario: Scenario, seed: int, begin: datetime | None, span: timedelta | None, out: Path
) -> None:
    midnight = datetime.now(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = begin or midnight
    end = begin + (span or _DAY)
    city = build_city(seed, restaurants=scenario.restaurants, sites=scenario.sites)
    with _bar(to_ms(begin), to_ms(end)) as advance:
        published = write_files(city, scenario, begin, end, seed=seed, out=out, progress=advance)
    print(f"{published} reports from {iso(begin)} to {iso(end)} in {out}", file=sys.stderr)


def _to_doors(scenario: Scenario, seed: int, plan: Plan, targets: Targets, file: Path | None) -> None:
    try:
        tally = asyncio.run(_until_signalled(scenario, seed, plan, targets, file))
    except Unavailable as error:
        print(f"yanchen simulate: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(tally.outcomes.items()))
    print(f"{tally.reports} reports published; expected: {outcomes or 'nothing'}", file=sys.stderr)
    if tally.unconfirmed:
        print(f"{len(tally.unconfirmed)} reports were never confirmed", file=sys.stderr)
        raise typer.Exit(1)


async def _until_signalled(
    scenario: Scenario, seed: int, plan: Plan, targets: Targets, file: Path | None
) -> Tally:
    control = Control(tally_file=file)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, control.stop.set)
    city = build_city(seed, restaurants=scenario.restaurants, sites=scenario.sites)
    now = control.clock.now_ms()
    with _bar(plan.first_ms(now), now) as advance:
        control.progress = lambda _reports, at_ms, _live: advance(at_ms)
        return await run(city, scenario, seed=seed, plan=plan, targets=targets, control=control)


@contextmanager
def _bar(first_ms: int, last_ms: int) -> Iterator[Callable[[int], None]]:
    """A progress bar over event time on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[at]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("simulating", total=max(last_ms - first_ms, 1), at="")
        shown = first_ms

        def advance(at_ms: int) -> None:
            nonlocal shown
            if at_ms - shown >= 60_000:
                shown = at_ms
                at = datetime.fromtimestamp(at_ms / 1000, CHINA)
                bar.update(task, completed=min(at_ms, last_ms) - first_ms, at=f"{at:%m-%d %H:%M}")

        yield advance


def _instant(text: str) -> datetime:
    """Read ISO 8601; without a zone it is China's time.

    Raises:
        ConfigError: it is no such instant.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is no ISO 8601 time; write 2026-11-21T00:00:00+08:00") from error
    return at if at.tzinfo else at.replace(tzinfo=CHINA)
