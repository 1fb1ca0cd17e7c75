"""The back-test: stored readings, judged by today's packs and by changed ones (docs/backtest.md).

The shell hands on what the rooms do not tell each other: readings from the database to ``rules``, the
windows that ``rules`` found to the folding of episodes, and these to the routing of ``alerts``.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from alerts.route import Post
from alerts.store.grid import way_up
from app.backtest_plan import Plan, days, portions
from domain.episode import Episode, EpisodeRule, fold
from domain.errors import ConfigError
from domain.evaluation import Verdict
from domain.instant import to_ms
from domain.site import Device
from rules.backtest import Trial
from rules.context import SettledContext
from rules.outcome import Outcome
from rules.pack import allowances
from rules.stored import stored_columns
from runtime.calendar import load_calendar
from runtime.context import context_between
from runtime.database import Pool, transaction
from runtime.readings import Series, stored_readings
from runtime.register import load_devices
from runtime.register_devices import list_sites

Progress = Callable[[float], None]
"""Told how much is done, from 0 to 1."""


@dataclass(slots=True)
class Side:
    """What one set of packs finds.

    Attributes:
        verdicts: verdict → windows.
        exceedances: device → exceeding windows.
        episodes: of every device and limit.
    """

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    exceedances: Counter[str] = field(default_factory=Counter)
    episodes: list[Episode] = field(default_factory=list)

    def add(self, outcome: Outcome, names: Sequence[str], rule: EpisodeRule) -> None:
        """Take what was found at some devices."""
        self.verdicts.update(outcome.verdicts)
        self.exceedances.update(dict(zip(names, outcome.exceedances.tolist(), strict=True)))
        for series in outcome.series(names):
            self.episodes += fold(series, rule)


@dataclass(slots=True)
class Result:
    """What a back-test found.

    Attributes:
        devices: the judged devices.
        before: by today's packs.
        after: by the changed ones.
        readings: how many were judged.
        seconds: how long it took.
    """

    devices: Mapping[str, Device]
    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)
    readings: int = 0
    seconds: float = 0.0


async def run_backtest(pool: Pool, plan: Plan, progress: Progress = lambda _: None) -> Result:
    """Judge what is stored; nothing is written.

    Raises:
        ConfigError: no device is meant.
        Unavailable: the database is away.
    """
    began = time.perf_counter()
    devices = {name: one for name, one in (await load_devices(pool)).items() if plan.includes(one)}
    if not devices:
        limited = ", ".join(plan.factors)
        raise ConfigError(
            f"no device to judge: none stands where --site and --area say and {limited} can be limited"
        )
    spans = list(days(plan.first, plan.last))
    async with transaction(pool) as connection:
        context = SettledContext(await context_between(connection, spans[0][0], spans[-1][1]))
        calendar = await load_calendar(connection)
    result = Result(devices)
    groups = list(portions(list(devices.values()), len(plan.factors)))
    for done, group in enumerate(groups):
        places = {device.device: device.site for device in group}
        found = [Outcome(len(group), plan.rule.clear_after) for _ in plan.sets]
        trial = Trial(plan.sets, plan.factors, places, context, found, calendar=calendar)
        points = {device.point_id: trial.numbers[device.device] for device in group}
        for number, span in enumerate(spans):
            result.readings += await _judge(pool, trial, plan.factors, points, span)
            progress((done + (number + 1) / len(spans)) / len(groups))
        for side, outcome, packs in zip((result.before, result.after), found, plan.sets, strict=True):
            side.add(outcome, trial.names, replace(plan.rule, allowed=allowances(packs)))
    result.seconds = time.perf_counter() - began
    return result


async def _judge(
    pool: Pool,
    trial: Trial,
    factors: Sequence[str],
    points: Mapping[int, int],
    span: tuple[datetime, datetime],
) -> int:
    """Judge the windows that end in a span; how many readings were in it."""
    fetched: dict[str, list[Series]] = defaultdict(list)
    async for series in stored_readings(pool, list(points), factors, *span):
        fetched[series.factor].append(series)
    count = 0
    for factor in factors:
        found = fetched.pop(factor, [])
        if found:
            readings = stored_columns(found, points)
            count += len(readings)
            trial.take(factor, readings)
        trial.close(factor, to_ms(span[1]))
    return count


async def ways_up(pool: Pool, sites: frozenset[str]) -> dict[str, list[Post]]:
    """Site → the squads from its cell upwards, the nearest first."""
    cells = {line["site"]: line["grid_code"] for line in await list_sites(pool) if line["site"] in sites}
    async with transaction(pool) as connection:
        found = {cell: await way_up(connection, cell) for cell in set(cells.values())}
    return {site: found[cell] for site, cell in cells.items()}
