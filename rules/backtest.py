"""Judging a stored record by several sets of packs at once: today's, say, and changed ones.

Nothing is judged here. Lanes cut windows and ``Judge`` says their verdicts, as in the engine; but the record
is whole and comes in order of time, so every window is judged once, when it is over.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np

from domain.calendar import CalendarEntry
from domain.case import NUISANCES
from domain.errors import ConfigError
from domain.factors import FACTORS
from domain.site import Site
from rules.calendar import CalendarTable
from rules.columns import Columns, Rows
from rules.context import ContextTable
from rules.judged import Judged
from rules.judging import Judge
from rules.lane import Lane, Pairs
from rules.limits import Book, LaneKey
from rules.pack import Pack
from rules.places import Places
from rules.statistics import sort_unique
from rules.window import window_start

Packs = Sequence[Pack]


class Taker(Protocol):
    """Takes findings: ``rules.outcome.Outcome``."""

    def add(self, judged: Judged, /) -> None:
        """One limit in one window."""


class _Bench(NamedTuple):
    """A judge, and those whose packs say the same of a factor as his."""

    judge: Judge
    takers: list[Taker]


class Trial:
    """Judges a record; what several sets of packs say alike of a factor is judged once.

    Args:
        sets: of packs, each in rising priority.
        factors: those to judge.
        sites: device → where it stands.
        context: the city's hours.
        found: told what each set finds, in order of time within a limit.
        calendar: what is on.

    Attributes:
        numbers: device → its number.
        names: the devices by their number.
    """

    def __init__(
        self,
        sets: Sequence[Packs],
        factors: Sequence[str],
        sites: Mapping[str, Site],
        context: ContextTable,
        found: Sequence[Taker],
        *,
        calendar: Iterable[CalendarEntry] = (),
    ) -> None:
        places, table = Places(sites), CalendarTable()
        table.replace(calendar)
        places.set_apart(table.sites)
        self.numbers: Final = {name: places.index[name] for name in sites}
        self.names: Final = places.index.names
        places.refresh()
        books = [Book(packs) for packs in sets]
        lanes = {key for book in books for key in book.lanes if key.factor in factors}
        self._lanes: Final = [Lane(key) for key in sorted(lanes)]
        judges = [Judge(book, context, places, table) for book in books]
        self._benches: Final = {factor: _benches(factor, sets, judges, found) for factor in factors}

    def take(self, factor: str, readings: Columns) -> None:
        """Take readings of one factor, of instants after those of the last ``close``."""
        where = readings.plausible(FACTORS[factor], np.arange(len(readings)))
        if len(where):
            rows = readings.rows(where)
            for lane in self._lanes:
                if lane.key.factor == factor:
                    lane.accept(rows)

    def close(self, factor: str, until_ms: int) -> None:
        """Judge the windows of a factor that end by an instant (epoch ms): nothing more comes for them."""
        for lane in self._lanes:
            if lane.key.factor == factor:
                gaps, nothing = lane.take_dirty()
                pairs, rows = lane.close(window_start(until_ms, lane.key.window_ms))
                self._judge(lane.key, gaps, nothing)
                self._judge(lane.key, pairs, _in_order(rows))

    def _judge(self, lane: LaneKey, pairs: Pairs, rows: Rows) -> None:
        for judge, takers in self._benches[lane.factor]:
            for judged in judge.evaluate(lane, pairs, rows):
                for taker in takers:
                    taker.add(judged)


def concerned(before: Packs, after: Packs) -> list[str]:
    """The limited factors on which a change of packs can have an effect.

    Those whose limits differ, and, because a site has one open case for each nuisance, those of the same one.

    Raises:
        ConfigError: nothing differs, or what differs is no nuisance.
    """
    limited = sorted({limit.factor for pack in (*before, *after) for limit in pack.limit})
    differing = [factor for factor in limited if about(factor, before) != about(factor, after)]
    if not differing:
        raise ConfigError(
            "the changed packs say what today's say; change something by --set, --window or --packs"
        )
    kinds = {NUISANCES.get(factor) for factor in differing}
    if None in kinds:
        nameless = ", ".join(factor for factor in differing if factor not in NUISANCES)
        raise ConfigError(f"{nameless}: opens no cases, so there is nothing to count; change another limit")
    return [factor for factor in limited if NUISANCES.get(factor) in kinds]


def _benches(
    factor: str, sets: Sequence[Packs], judges: Sequence[Judge], found: Sequence[Taker]
) -> list[_Bench]:
    benches: list[_Bench] = []
    said: list[Packs] = []
    for packs, judge, taker in zip(sets, judges, found, strict=True):
        own = about(factor, packs)
        if own in said:
            benches[said.index(own)].takers.append(taker)
        else:
            said.append(own)
            benches.append(_Bench(judge, [taker]))
    return benches


def about(factor: str, packs: Packs) -> Packs:
    """What packs say of one factor."""
    limits = [(pack, tuple(limit for limit in pack.limit if limit.factor == factor)) for pack in packs]
    return [pack.model_copy(update={"limit": own}) for pack, own in limits if own]


def _in_order(rows: Rows) -> Rows:
    """Sorted by device and instant, each once: as they come, but for what waited for its window's end."""
    same = rows.device[1:] == rows.device[:-1]
    rising = (rows.device[1:] > rows.device[:-1]) | (same & (rows.at[1:] > rows.at[:-1]))
    return rows if rising.all() else sort_unique(rows)
