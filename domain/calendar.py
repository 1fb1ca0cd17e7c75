"""The city's calendar: exam quiet hours, night-work permits of sites, festivals."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from domain.instant import CHINA
from domain.site import Site

_DAY: Final = timedelta(days=1)


class CalendarKind(StrEnum):
    """What an entry is."""

    EXAM = "exam"  # 中考、高考: hours in which the city wants quiet
    PERMIT = "permit"  # 夜间施工许可: one site may work at night
    FESTIVAL = "festival"  # 节日


class CalendarEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Hours of the day, on some days, at a site or in an area.

    Attributes:
        kind: what it is.
        title: its name, such as ``高考``.
        first_day: first local day.
        last_day: last, included.
        begins: local time of each day, ``HH:MM``.
        ends: local time, excluded; ``24:00`` is midnight. At or before ``begins`` it is on the next day.
        area: administrative code or a prefix of one; empty is everywhere.
        site: one site; empty is every site of the area.
        document: number of the permit or of the city's notice.
    """

    kind: CalendarKind
    title: str
    first_day: date
    last_day: date
    begins: str = "00:00"
    ends: str = "24:00"
    area: str = ""
    site: str = ""
    document: str = ""

    def concerns(self, site: Site) -> bool:
        """Whether it holds at a site."""
        return self.site in ("", site.site) and site.area.startswith(self.area)

    def spans(self) -> Iterator[tuple[datetime, datetime]]:
        """Start and end (excluded) of its hours of each day."""
        begins, ends = _offset(self.begins), _offset(self.ends)
        if ends <= begins:
            ends += _DAY
        for number in range((self.last_day - self.first_day).days + 1):
            midnight = datetime.combine(self.first_day + number * _DAY, datetime.min.time(), CHINA)
            yield midnight + begins, midnight + ends


def _offset(text: str) -> timedelta:
    return timedelta(hours=int(text[:2]), minutes=int(text[3:]))
