"""Which limits hold for a site on a day (design §5, "Which standard wins").

The law of this file: per factor and site, among the standards in force that day that hold for
the site's kind and surroundings, the one with the longest area prefix of the site's code
replaces the others; on equal length the later pack of the sequence wins, and so a city's own
pack wins over those that ship. All limits of that factor in the winning standard hold. A limit
that holds only ``during`` hours of the calendar replaces none: it is added while they last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import chain
from typing import Final, NamedTuple

from domain.site import Site, SiteKind
from rules.pack import AqiDeduction, CityDifference, LimitEntry, Pack
from rules.window import MINUTE_MS

MICRO: Final = 1_000_000
"""Figures are compared as whole millionths of the factor's unit."""


class LaneKey(NamedTuple):
    """What is computed together: one factor, one window length (ms), one statistic."""

    factor: str
    window_ms: int
    statistic: str


@dataclass(frozen=True, slots=True, eq=False)
class Limit:
    """A limit as the engine uses it; equal only to itself.

    Attributes:
        standard: number of its standard.
        id: its id in the pack.
        lane: factor, window length and statistic.
        value: the limit, in ``unit``; more than this is an exceedance.
        micro: the same in millionths of the unit.
        unit: the factor's canonical unit.
        share: smallest valid share of the expected samples.
        clause: where the standard says so.
        minutes: minutes of the local day at which a window may start; none is all.
        during: kind of calendar entry that must be on; none is always.
        allowed_per_day: exceedances a day that the standard allows (counted with episodes).
        adjustment: what is done to the statistic before it is compared.
    """

    standard: str
    id: str
    lane: LaneKey
    value: float
    micro: int
    unit: str
    share: Fraction
    clause: str
    minutes: frozenset[int] | None
    during: str | None
    allowed_per_day: int
    adjustment: AqiDeduction | CityDifference | None

    def enough(self, n_valid: int, n_expected: int) -> bool:
        """Whether the valid samples are enough; where none is expected, none is enough."""
        return n_expected > 0 and n_valid * self.share.denominator >= n_expected * self.share.numerator


Holding = dict[LaneKey, tuple[Limit, ...]]


class Book:
    """All limits of some packs, and which of them hold where and when.

    Args:
        packs: in rising priority.
    """

    def __init__(self, packs: Sequence[Pack]) -> None:
        self._packs: Final = [(pack, tuple(_limit(pack, entry) for entry in pack.limit)) for pack in packs]
        self._cache: Final[dict[tuple[SiteKind, str, bool, date], Holding]] = {}
        self.lanes: Final = sorted({limit.lane for _, limits in self._packs for limit in limits})
        self.series: Final = {
            lane: frozenset(
                limit.adjustment.series
                for _, limits in self._packs
                for limit in limits
                if limit.lane == lane and limit.adjustment
            )
            for lane in self.lanes
        }
        """Lane → context series that its limits may need."""

    def holding(self, site: Site, day: date) -> Holding:
        """Limits that hold for a site on a local day, by lane; day and night together."""
        key = (site.kind, site.area, site.sensitive, day)
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = self._hold(site, day)
        return found

    def _hold(self, site: Site, day: date) -> Holding:
        winners: dict[str, tuple[int, tuple[Limit, ...]]] = {}
        added: list[Limit] = []
        for pack, limits in self._packs:
            if not _applies(pack, site, day):
                continue
            standing = [limit for limit in limits if limit.during is None]
            added += [limit for limit in limits if limit.during]
            for factor in {limit.lane.factor for limit in standing}:
                best = winners.get(factor)
                if best is None or len(pack.area) >= best[0]:
                    own = tuple(limit for limit in standing if limit.lane.factor == factor)
                    winners[factor] = (len(pack.area), own)
        holding: Holding = {}
        for limit in chain.from_iterable([*(own for _, own in winners.values()), added]):
            holding[limit.lane] = (*holding.get(limit.lane, ()), limit)
        return holding


def _applies(pack: Pack, site: Site, day: date) -> bool:
    return (
        site.kind in pack.kinds
        and site.area.startswith(pack.area)
        and (site.sensitive or not pack.sensitive_only)
        and pack.in_force(day)
    )


def _limit(pack: Pack, entry: LimitEntry) -> Limit:
    return Limit(
        standard=pack.standard,
        id=entry.id,
        lane=LaneKey(entry.factor, entry.window_minutes * MINUTE_MS, entry.statistic),
        value=entry.value,
        micro=round(entry.value * MICRO),
        unit=entry.unit,
        share=Fraction(str(entry.valid_share)),
        clause=entry.clause,
        minutes=_minutes(pack, entry),
        during=entry.during,
        allowed_per_day=entry.allowed_per_day,
        adjustment=entry.adjustment,
    )


def _minutes(pack: Pack, entry: LimitEntry) -> frozenset[int] | None:
    """Starts of windows that lie in the limit's period of the day."""
    if entry.period is None:
        return None
    start, end = pack.night.start_minute, pack.night.end_minute
    night = {minute % 1440 for minute in range(start, end if end > start else end + 1440)}
    wanted = night if entry.period == "night" else set(range(1440)) - night
    return frozenset(wanted)
