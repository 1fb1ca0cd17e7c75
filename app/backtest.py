"""The back-test: stored readings, judged by today's packs and by changed ones (docs/backtest.md).

The shell hands on what the rooms do not tell each other: readings from the database to ``rules``, the
windows that ``rules`` found to the folding of episodes, and these to the routing of ``alerts``.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from alerts.route import Post
from alerts.store.grid import way_up
from domain.episode import Episode, EpisodeRule, fold
from domain.errors import ConfigError
from domain.evaluation import Verdict
from domain.instant import CHINA, to_ms
from domain.site import Device
from rules.backtest import Packs, Trial
from rules.context import SettledContext
from rules.outcome import Outcome
from rules.stored import stored_columns
from runtime.context import context_between
from runtime.database import Pool, transaction
from runtime.readings import Series, stored_readings
from runtime.register import load_devices
from runtime.register_devices import list_sites

AT_ONCE: Final = 6_000_000
"""Readings fetched at once: some 250 MB at the server, and as much here."""

_DAY: Final = timedelta(days=1)

Progress = Callable[[float], None]
"""Told how much is done, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to judge, and by what.

    Attributes:
        first: the first local day.
        last: the last local day, included.
        sets: today's packs and the changed ones.
        factors: those to judge (``rules.backtest.concerned``).
        rule: when an episode begins and ends.
        sites: only these; none is all.
        area: only sites whose area begins so.
    """

    first: date
    last: date
    sets: tuple[Packs, Packs]
    factors: Sequence[str]
    rule: EpisodeRule
    sites: frozenset[str] = frozenset()
    area: str = ""

    def includes(self, device: Device) -> bool:
        """Whether a device is to be judged: it is asked for, and something can limit it."""
        site = device.site
        kinds = {
            kind
            for packs in self.sets
            for pack in packs
            for kind in pack.kinds
            if any(limit.factor in self.factors for limit in pack.limit)
        }
        return (
            site.kind in kinds
            and site.area.startswith(self.area)
            and site.site in (self.sites or {site.site})
        )


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
    result = Result(devices)
    groups = list(portions(list(devices.values()), len(plan.factors)))
    for done, group in enumerate(groups):
        places = {device.device: device.site for device in group}
        found = [Outcome(len(group), plan.rule.clear_after) for _ in plan.sets]
        trial = Trial(plan.sets, plan.factors, places, context, found)
        points = {device.point_id: trial.numbers[device.device] for device in group}
        for number, span in enumerate(spans):
            result.readings += await _judge(pool, trial, plan.factors, points, span)
            progress((done + (number + 1) / len(spans)) / len(groups))
        for side, outcome in zip((result.before, result.after), found, strict=True):
            side.add(outcome, trial.names, plan.rule)
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


def days(first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
    """The local days, cut at midnight UTC, where the store begins a new chunk: each is scanned once."""
    start = datetime(first.year, first.month, first.day, tzinfo=CHINA).astimezone(UTC)
    end = datetime(last.year, last.month, last.day, tzinfo=CHINA).astimezone(UTC) + _DAY
    while start < end:
        until = min(start.replace(hour=0) + _DAY, end)
        yield start, until
        start = until


def portions(devices: Sequence[Device], factors: int, most: int = AT_ONCE) -> Iterator[list[Device]]:
    """Devices that report at most so many readings a day together; one at least."""
    portion: list[Device] = []
    expected = 0
    for device in sorted(devices, key=lambda device: device.point_id):
        own = factors * 86_400 // device.site.interval_s
        if portion and expected + own > most:
            yield portion
            portion, expected = [], 0
        portion.append(device)
        expected += own
    if portion:
        yield portion


async def ways_up(pool: Pool, sites: frozenset[str]) -> dict[str, list[Post]]:
    """Site → the squads from its cell upwards, the nearest first."""
    cells = {line["site"]: line["grid_code"] for line in await list_sites(pool) if line["site"] in sites}
    async with transaction(pool) as connection:
        found = {cell: await way_up(connection, cell) for cell in set(cells.values())}
    return {site: found[cell] for site, cell in cells.items()}
