"""What a change of limits would have meant: sites, nights of squads, and sums, before and after. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import msgspec

from alerts.notice import Recipient
from alerts.rehearsal import Told, first_notices
from alerts.route import Post, responsible
from app.backtest import Result, Side
from app.backtest_plan import Plan
from domain.evaluation import Verdict


class SiteLine(msgspec.Struct, frozen=True, tag_field="line", tag="site"):
    """A site at which something exceeds, before or after."""

    site: str
    squad: str
    exceedances_before: int
    exceedances_after: int
    episodes_before: int
    episodes_after: int
    notices_before: int
    notices_after: int


class NightLine(msgspec.Struct, frozen=True, tag_field="line", tag="squad_night"):
    """A squad's night, from noon to noon, by the day on which it begins."""

    squad: str
    night: date
    notices_before: int
    notices_after: int


class Sums(msgspec.Struct, frozen=True):
    """Of all sites and nights."""

    exceedances: int
    passes: int
    invalid: int
    indeterminate: int
    sites_exceeding: int
    episodes: int
    notices: int
    most_in_a_squads_night: int


class Totals(msgspec.Struct, frozen=True, tag_field="line", tag="totals"):
    """The whole back-test."""

    first: date
    last: date
    devices: int
    readings: int
    seconds: float
    before: Sums
    after: Sums


Line = SiteLine | NightLine | Totals

_Night = tuple[str, date]


def difference(
    plan: Plan, result: Result, ways_up: Mapping[str, Sequence[Post]], handled_within: timedelta
) -> Iterator[Line]:
    """The lines of a back-test: sites, nights of squads, the sums.

    Args:
        plan: what was asked.
        result: what was found.
        ways_up: site → the squads from its cell upwards.
        handled_within: after which a case is taken to have ended (``alerts.rehearsal``).
    """
    at = {name: device.site.site for name, device in result.devices.items()}
    sides = (result.before, result.after)
    told = [first_notices(side.episodes, at, ways_up, handled_within) for side in sides]
    exceedances = [by_site(side, at) for side in sides]
    episodes = [Counter(at[episode.device] for episode in side.episodes) for side in sides]
    notices = [Counter(notice.site for notice in each) for each in told]
    for site in sorted(set().union(*exceedances)):
        squad = Recipient.of(responsible(ways_up[site])).name
        yield SiteLine(
            site, squad, *(count[site] for pair in (exceedances, episodes, notices) for count in pair)
        )
    nights = [by_night(each) for each in told]
    for squad, night in sorted(set().union(*nights)):
        yield NightLine(squad, night, *(count[squad, night] for count in nights))
    sums = [_sums(*found) for found in zip(sides, exceedances, told, nights, strict=True)]
    size = len(result.devices), result.readings, round(result.seconds, 1)
    yield Totals(plan.first, plan.last, *size, *sums)


def by_site(side: Side, at: Mapping[str, str]) -> Counter[str]:
    """Exceeding windows of each site that has any."""
    counts: Counter[str] = Counter()
    for device, count in side.exceedances.items():
        if count:
            counts[at[device]] += count
    return counts


def by_night(told: Sequence[Told]) -> Counter[_Night]:
    """Notices of each squad and night that has any."""
    return Counter((notice.recipient, notice.night) for notice in told)


def _sums(
    side: Side, exceedances: Mapping[str, int], told: Sequence[Told], nights: Mapping[_Night, int]
) -> Sums:
    return Sums(
        exceedances=side.verdicts[Verdict.EXCEED],
        passes=side.verdicts[Verdict.PASS],
        invalid=side.verdicts[Verdict.INVALID],
        indeterminate=side.verdicts[Verdict.INDETERMINATE],
        sites_exceeding=len(exceedances),
        episodes=len(side.episodes),
        notices=len(told),
        most_in_a_squads_night=max(nights.values(), default=0),
    )
