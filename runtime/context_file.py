"""Context series as they come in: a sheet, JSON lines, or a JSON list; every bad row is named."""

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from domain.context import ContextValue
from domain.instant import CHINA, CHINA_OFFSET_MS, from_ms, to_ms
from runtime.register_check import Entry, Fault
from runtime.register_columns import Column, Table, Unreadable, read_number, read_table

_HOUR_MS: Final = 3_600_000
_AHEAD: Final = timedelta(hours=1)
_AREA: Final = re.compile(r"\d{2}|\d{4}|\d{6}", re.ASCII)
_MOST: Final = {"city.aqi": 500.0}
"""HJ 633: the index ends at 500."""
_MOST_OTHER: Final = 10_000.0
_SERIES: Final = {"pm10": "city.pm10", "aqi": "city.aqi"}
_POLLUTANTS: Final = ("pm10", "pm25", "o3", "no2", "so2", "co")
_NONE: Final = {"", "-", "—", "无", "none"}

_decoder: Final = msgspec.json.Decoder(ContextValue)


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds.

    Attributes:
        values: the good rows.
        faults: what is wrong with the others.
    """

    values: list[ContextValue]
    faults: list[Fault]


def parse_instant(text: str) -> datetime:
    """A time of a sheet; one without a zone is China's, as sheets are made there.

    Raises:
        Unreadable: it is no time.
    """
    try:
        at = datetime.fromisoformat(text.strip().replace("/", "-"))
    except ValueError:
        raise Unreadable(f"{text!r} is no time", "write 2026-11-21 14:00") from None
    return at if at.tzinfo else at.replace(tzinfo=CHINA)


def _series(text: str) -> str:
    return _SERIES.get(text.strip().lower(), text.strip())


def _primary(text: str) -> tuple[str, ...] | None:
    names = [name.strip() for name in re.split(r"[,，、;；/\s]+", text) if name.strip().lower() not in _NONE]
    return tuple(names) or None


_TABLE: Final = Table(
    ContextValue,
    (
        Column("series", ("指标", "序列"), _series, required=True),
        Column("area", ("行政区划代码", "区划代码", "area code"), required=True),
        Column("at", ("时间", "整点", "hour"), parse_instant, required=True),
        Column("value", ("数值", "小时均值", "浓度"), read_number, required=True),
        Column("primary", ("首要污染物", "primary pollutant"), _primary),
    ),
)


def read_context(data: bytes, name: str, series: Collection[str], now: datetime) -> Read:
    """Read context values.

    Args:
        data: a sheet (CSV or Excel), JSON lines, or a JSON list.
        name: the file's name, for messages.
        series: those that limits need.
        now: an hour that has not begun has no figure.

    Raises:
        ConfigError: it is a sheet without the headings that every row needs.
    """
    if data.lstrip()[:1] in (b"{", b"[", b""):
        rows, faults = _json(data)
    else:
        sheet = read_table(_TABLE, data, name)
        rows, faults = sheet.entries, sheet.faults
    good: list[ContextValue] = []
    for entry in rows:
        value: Any = entry.item
        wrong = [
            Fault(row=entry.row, column=entry.headings.get(column, column), problem=problem, remedy=remedy)
            for column, problem, remedy in _troubles(value, series, now)
        ]
        faults += wrong
        if not wrong:
            good.append(value)
    return Read(good, sorted(faults, key=lambda fault: int(fault.row)))


def _json(data: bytes) -> tuple[list[Entry], list[Fault]]:
    rows: list[Entry] = []
    faults: list[Fault] = []
    for row, item in enumerate(_items(data), 1):
        if not item.strip():
            continue
        try:
            value: Any = _decoder.decode(item)
            rows.append(Entry(row, value))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            remedy = "give series, area, at (with its zone) and value, as docs/context.md shows"
            faults.append(Fault(row=row, column="", problem=str(error), remedy=remedy))
    return rows, faults


def _items(data: bytes) -> list[bytes]:
    """The JSON texts of a list or of lines."""
    if data.lstrip().startswith(b"["):
        try:
            return [bytes(item) for item in msgspec.json.decode(data, type=list[msgspec.Raw])]
        except msgspec.DecodeError:
            return [data.replace(b"\n", b" ")]
    return data.splitlines()


def _troubles(value: ContextValue, series: Collection[str], now: datetime) -> Iterator[tuple[str, str, str]]:
    """Column, problem and remedy of what is wrong with a value."""
    if value.series not in series:
        known = ", ".join(sorted(series))
        yield "series", f"no limit needs the series {value.series!r}", f"use one of {known}"
    if not _AREA.fullmatch(value.area):
        yield "area", f"{value.area!r} is no administrative code", "give 2, 4 or 6 digits, such as 3206"
    yield from _time_troubles(value.at if isinstance(value.at, int) else to_ms(value.at), now)
    most = _MOST.get(value.series, _MOST_OTHER)
    if not (math.isfinite(value.value) and 0 <= value.value <= most):
        remedy = f"give 0 to {most:g}; leave a row without a figure out"
        yield "value", f"{value.value:g} is no figure of {value.series}", remedy
    for name in value.primary or ():
        if re.sub(r"[^a-z0-9]", "", name.lower()) not in _POLLUTANTS:
            yield "primary", f"{name!r} is no pollutant of HJ 633", f"use {', '.join(_POLLUTANTS)}"


def _time_troubles(at_ms: int, now: datetime) -> Iterator[tuple[str, str, str]]:
    if (at_ms + CHINA_OFFSET_MS) % _HOUR_MS:
        yield "at", "it is not on the hour", "give the hour's start, such as 2026-11-21T14:00:00+08:00"
    elif at_ms > to_ms(now + _AHEAD):
        yield "at", f"the hour {from_ms(at_ms):%Y-%m-%d %H:%M} is to come", "check its zone"
