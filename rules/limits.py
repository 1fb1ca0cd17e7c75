"""Limits as the engine uses them, and which of them hold for a site on a day (rules/candidate.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final, NamedTuple

from domain.site import Site
from rules.candidate import Profile, candidates, profile
from rules.limit_entry import AqiDeduction, CityDifference, LimitEntry
from rules.night import minutes_of
from rules.pack_form import Pack
from rules.window import DAY_MINUTES, MINUTE_MS

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
        self._packs: Final = tuple(packs)
        self._limits: Final = [_limit(pack, entry) for pack in packs for entry in pack.limit]
        self._cache: Final[dict[tuple[Profile, date], Holding]] = {}
        self.lanes: Final = sorted({limit.lane for limit in self._limits})
        self.series: Final = {
            lane: frozenset(
                limit.adjustment.series for limit in self._limits if limit.lane == lane and limit.adjustment
            )
            for lane in self.lanes
        }
        """Lane → context series that its limits may need."""

    def holding(self, site: Site, day: date) -> Holding:
        """Limits that hold for a site on a local day, by lane; day and night together."""
        key = (profile(site), day)
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = self._hold(site, day)
        return found

    def _hold(self, site: Site, day: date) -> Holding:
        holding: Holding = {}
        for limit, candidate in zip(self._limits, candidates(self._packs, site, day), strict=True):
            if not candidate.against:
                holding[limit.lane] = (*holding.get(limit.lane, ()), limit)
        return holding


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
        minutes=minutes_of_day(pack, entry),
        during=entry.during,
        allowed_per_day=entry.allowed_per_day,
        adjustment=entry.adjustment,
    )


def minutes_of_day(pack: Pack, entry: LimitEntry) -> frozenset[int] | None:
    """Starts of windows that lie in the limit's part of the day."""
    if entry.hours:
        return minutes_of(entry.hours)
    if entry.period is None:
        return None
    night = pack.night.minutes
    return night if entry.period == "night" else frozenset(range(DAY_MINUTES)) - night
