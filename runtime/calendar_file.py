"""The calendar as a sheet: which column is which field, and what must hold of a row."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from domain.calendar import CalendarEntry, CalendarKind
from runtime.register_check import Fault
from runtime.register_columns import Column, Table, Unreadable, read_table

_AREA: Final = re.compile(r"\d{2}|\d{4}|\d{6}|", re.ASCII)
_TIME: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::00)?", re.ASCII)
_LONGEST_DAYS: Final = 366
_KINDS: Final = {
    "exam": CalendarKind.EXAM,
    "考试": CalendarKind.EXAM,
    "中高考": CalendarKind.EXAM,
    "permit": CalendarKind.PERMIT,
    "夜间施工许可": CalendarKind.PERMIT,
    "夜施许可": CalendarKind.PERMIT,
    "festival": CalendarKind.FESTIVAL,
    "节日": CalendarKind.FESTIVAL,
}
_NIGHT: Final = ("22:00", "06:00")
"""Environment Code art. 572; where the city has moved it, the sheet gives the hours."""


def _kind(text: str) -> CalendarKind:
    kind = _KINDS.get(text.strip().lower())
    if kind is None:
        raise Unreadable(f"{text!r} is not known here", f"use one of {', '.join(_KINDS)}")
    return kind


def _day(text: str) -> date:
    parts = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 00:00:00)?", text.strip(), re.ASCII)
    try:
        return date(*map(int, parts.groups())) if parts else date.fromisoformat(text.strip())
    except ValueError:
        raise Unreadable(f"{text!r} is no day", "write 2026-06-07") from None


def _time(text: str) -> str:
    found = _TIME.fullmatch(text.strip())
    if found is None and text.strip() != "24:00":
        raise Unreadable(f"{text!r} is no time of day", "write 22:00")
    return f"{int(found[1]):02}:{found[2]}" if found else "24:00"


def _entry(**values: Any) -> CalendarEntry:
    """A permit that gives no hours is for the night."""
    if values["kind"] is CalendarKind.PERMIT and not values.keys() & {"begins", "ends"}:
        values |= zip(("begins", "ends"), _NIGHT, strict=True)
    return CalendarEntry(**values)


_TABLE: Final = Table(
    _entry,
    (
        Column("kind", ("类型", "类别"), _kind, required=True),
        Column("title", ("名称", "事项"), required=True),
        Column("first_day", ("开始日期", "first day", "from"), _day, required=True),
        Column("last_day", ("结束日期", "last day", "to"), _day, required=True),
        Column("begins", ("开始时刻", "开始时间", "begin"), _time),
        Column("ends", ("结束时刻", "结束时间", "end"), _time),
        Column("area", ("行政区划代码", "区划代码", "area code")),
        Column("site", ("场所编号", "site id", "工地编号")),
        Column("document", ("文号", "许可证号", "number")),
    ),
)


@dataclass(frozen=True, slots=True)
class Read:
    """What a sheet holds.

    Attributes:
        entries: the good rows.
        faults: what is wrong with the others.
    """

    entries: list[CalendarEntry]
    faults: list[Fault]


def read_calendar(data: bytes, name: str, sites: Collection[str] | None) -> Read:
    """Read a sheet (CSV or Excel) of the calendar.

    Args:
        data: the file.
        name: its name, for messages.
        sites: those of the register; none is not checked.

    Raises:
        ConfigError: it is no such sheet.
    """
    sheet = read_table(_TABLE, data, name)
    faults = sheet.faults
    good: list[CalendarEntry] = []
    for row in sheet.entries:
        entry: Any = row.item
        wrong = [
            Fault(row=row.row, column=row.headings.get(column, column), problem=problem, remedy=remedy)
            for column, problem, remedy in _troubles(entry, sites)
        ]
        faults += wrong
        if not wrong:
            good.append(entry)
    return Read(good, sorted(faults, key=lambda fault: int(fault.row)))


def _troubles(entry: CalendarEntry, sites: Collection[str] | None) -> Iterator[tuple[str, str, str]]:
    """Column, problem and remedy of what is wrong with an entry."""
    days = (entry.last_day - entry.first_day).days
    if not 0 <= days <= _LONGEST_DAYS:
        yield "last_day", f"{days + 1} days from {entry.first_day}", "give 1 to 367 days, the first one first"
    if entry.begins in (entry.ends, "24:00"):
        yield "ends", f"no time between {entry.begins} and {entry.ends}", "leave both empty for the whole day"
    if not _AREA.fullmatch(entry.area):
        yield "area", f"{entry.area!r} is no administrative code", "give 2, 4 or 6 digits, such as 320602"
    if entry.kind is CalendarKind.PERMIT and not entry.site:
        yield "site", "a permit is given to one site", "name the site"
    if sites is not None and entry.site and entry.site not in sites:
        remedy = "import the site first (yanchen sites import), or correct it"
        yield "site", f"there is no site {entry.site!r}", remedy
