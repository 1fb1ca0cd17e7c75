"""What a back-test is to judge, and in which portions it is read. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from domain.episode import EpisodeRule
from domain.instant import CHINA
from domain.site import Device
from rules.backtest import Packs

AT_ONCE: Final = 6_000_000
"""Readings fetched at once: some 250 MB."""

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to judge, and by what.

    Attributes:
        first: the first local day.
        last: the last local day, included.
        sets: today's packs and the changed ones.
        factors: those to judge (``rules.backtest.concerned``).
        rule: when an episode begins and ends; what is allowed a day, the packs say.
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
