"""Whom squads would have been told of: episodes that never were, as cases and first notices. Pure.

People decide when a case ends, and here there are none. So it is assumed to end a fixed time after it
began, or with its exceedance, if that lasts longer: nobody can close a case that is still exceeding.
What they would not have acknowledged cannot be known either, so further steps of the ladder are left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from alerts.notice import Recipient
from alerts.route import Post, responsible
from domain.case import Nuisance, nuisance
from domain.episode import Episode
from domain.instant import CHINA

_NOON = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Told:
    """The first notice of a case.

    Attributes:
        site: the site.
        nuisance: what it is about.
        recipient: a squad's id, or ``supervision``.
        occurred_at: start of the exceedance that opens the case.
    """

    site: str
    nuisance: Nuisance
    recipient: str
    occurred_at: datetime

    @property
    def night(self) -> date:
        """The night it belongs to, from noon to noon in China's time, by the day on which it begins."""
        return (self.occurred_at.astimezone(CHINA) - _NOON).date()


def first_notices(
    episodes: Iterable[Episode],
    sites: Mapping[str, str],
    ways_up: Mapping[str, Sequence[Post]],
    handled_within: timedelta,
) -> list[Told]:
    """The first notices of the cases that episodes would have opened.

    Args:
        episodes: of any devices, in any order.
        sites: device → site.
        ways_up: site → the squads from its cell upwards, the nearest first.
        handled_within: after which a case has ended, if nothing exceeds any more.
    """
    together: dict[tuple[str, Nuisance], list[Episode]] = defaultdict(list)
    for episode in episodes:
        together[sites[episode.device], nuisance(episode.factor)].append(episode)
    return [
        Told(site, kind, Recipient.of(responsible(ways_up[site])).name, began)
        for (site, kind), joined in sorted(together.items())
        for began in _cases(joined, handled_within)
    ]


def _cases(episodes: Iterable[Episode], handled_within: timedelta) -> list[datetime]:
    """When the cases of one site and nuisance begin: there is one open at a time, the others join it."""
    began: list[datetime] = []
    ends: datetime | None = None
    for episode in sorted(episodes, key=lambda episode: episode.started_at):
        if ends is None or episode.started_at >= ends:
            began.append(episode.started_at)
            ends = episode.started_at + handled_within
        ends = max(ends, episode.ended_at)
    return began
