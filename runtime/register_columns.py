"""Which column of a sheet is which field, and how its text is read; headings in Chinese or English."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.errors import ConfigError
from domain.register import Monitor, Place, Squad
from domain.site import NoiseClass, Protocol, SiteKind
from runtime.register_check import Entry, Fault
from runtime.register_sheet import Sheet, read_sheet

_KINDS: Final = {
    "restaurant": SiteKind.RESTAURANT,
    "餐饮": SiteKind.RESTAURANT,
    "餐饮单位": SiteKind.RESTAURANT,
    "餐饮服务单位": SiteKind.RESTAURANT,
    "饭店": SiteKind.RESTAURANT,
    "construction": SiteKind.CONSTRUCTION,
    "工地": SiteKind.CONSTRUCTION,
    "建筑工地": SiteKind.CONSTRUCTION,
    "施工工地": SiteKind.CONSTRUCTION,
}
_PROTOCOLS: Final = {
    "mqtt": Protocol.MQTT,
    "hj212": Protocol.HJ212,
    "hj 212": Protocol.HJ212,
    "hj/t212": Protocol.HJ212,
    "hj/t 212": Protocol.HJ212,
    "212": Protocol.HJ212,
}
_YES_NO: Final = dict.fromkeys(("true", "yes", "y", "1", "是", "有", "√"), True) | dict.fromkeys(
    ("false", "no", "n", "0", "否", "无", "×"), False
)
_NOISE_CLASSES: Final = {text: kind for kind in NoiseClass for text in (kind.value, f"{kind.value}类")}
_BETWEEN_NAMES: Final = re.compile(r"[\s,，、;；+]+")
_DECORATION: Final = re.compile(r"[\s*＊_:：]|[(（\[][^)）\]]*[)）\]]")


class Unreadable(Exception):  # noqa: N818 - it becomes a Fault
    """A cell's text is not what its column holds: problem and remedy."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet.

    Attributes:
        field: the field of the item.
        headings: under which it is found; the first one is the one to show.
        read: text → value; raises ``Unreadable``.
        required: whether every row needs it.
    """

    field: str
    headings: tuple[str, ...]
    read: Callable[[str], Any] = str
    required: bool = False


def _one_of(words: dict[str, Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        found = words.get(text.strip().lower())
        if found is None:
            raise Unreadable(f"{text!r} is not known here", f"use one of {', '.join(words)}")
        return found

    return read


def read_number(text: str) -> float:
    """A finite number.

    Raises:
        Unreadable: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Unreadable(f"{text!r} is no number", "give a number such as 120.86")
    return value


def _whole(text: str) -> int:
    value = read_number(text)
    if not value.is_integer():
        raise Unreadable(f"{text!r} is no whole number", "give a whole number such as 60")
    return int(value)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.lower() for name in _BETWEEN_NAMES.split(text) if name)


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of one kind of sheet; the first is the id."""

    item: Callable[..., Any]
    columns: tuple[Column, ...]

    def column_of(self, heading: str) -> Column | None:
        """The column under a heading, whatever blanks, units and stars it has."""
        plain = _plain(heading)
        for column in self.columns:
            if plain in {_plain(name) for name in (column.field, *column.headings)}:
                return column
        return None


SITES: Final = Table(
    Place,
    (
        Column("site", ("场所编号", "site id", "id", "编号", "单位编号"), required=True),
        Column("name", ("名称", "场所名称", "单位名称", "site name"), required=True),
        Column("kind", ("类型", "场所类型", "site kind", "type"), _one_of(_KINDS), required=True),
        Column("area", ("行政区划代码", "区划代码", "area code"), required=True),
        Column("grid_code", ("网格编码", "网格", "网格代码", "grid"), required=True),
        Column("lon", ("经度", "longitude", "lng"), read_number, required=True),
        Column("lat", ("纬度", "latitude"), read_number, required=True),
        Column("address", ("地址", "详细地址")),
        Column("sensitive", ("噪声敏感", "敏感", "敏感区域", "噪声敏感建筑物"), _one_of(_YES_NO)),
        Column("stoves", ("基准灶头数", "灶头数", "base stoves"), read_number),
        Column("phase", ("施工阶段", "construction phase")),
        Column("noise_class", ("声环境功能区", "功能区类别", "noise class"), _one_of(_NOISE_CLASSES)),
    ),
)
DEVICES: Final = Table(
    Monitor,
    (
        Column("device", ("设备编号", "MN", "MN号", "设备MN", "设备唯一标识", "device id"), required=True),
        Column("site", ("场所编号", "site id", "单位编号"), required=True),
        Column("protocol", ("协议", "通信协议"), _one_of(_PROTOCOLS)),
        Column("interval_s", ("上报间隔", "上传间隔", "上报周期", "interval", "reporting interval"), _whole),
        Column("password", ("HJ212密码", "PW", "访问密码", "hj212 password")),
        Column("vendor", ("厂商映射", "编码映射", "vendor map")),
        Column("crc_rules", ("校验规则", "CRC", "crc rules"), _names),
        Column("model", ("型号", "设备型号", "厂商型号")),
        Column("mqtt_password", ("MQTT密码", "mqtt password")),
    ),
)
SQUADS: Final = Table(
    Squad,
    (
        Column("squad", ("中队编号", "squad id", "id", "编号"), required=True),
        Column("name", ("名称", "中队名称", "中队", "squad name"), required=True),
        Column("grid_code", ("网格编码", "网格", "网格代码", "责任网格", "grid"), required=True),
        Column("webhook_url", ("通知地址", "webhook")),
        Column("on_duty", ("在岗", "值班"), _one_of(_YES_NO)),
    ),
)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a sheet holds.

    Attributes:
        entries: the rows that could be read.
        faults: the cells that could not, and required ones that are empty.
        fields: the fields that the sheet has columns for.
    """

    entries: list[Entry]
    faults: list[Fault]
    fields: frozenset[str]


def read_table(table: Table, data: bytes, name: str) -> Rows:
    """Read a CSV or Excel file.

    Raises:
        ConfigError: it is no such file, or lacks a column that every row needs.
    """
    sheet = read_sheet(data, name, lambda cells: table.columns[0] in map(table.column_of, cells))
    columns = _columns(table, sheet, name)
    entries: list[Entry] = []
    faults: list[Fault] = []
    for number, cells in sheet.rows:
        values, wrong = _values(columns, number, cells)
        faults += wrong
        if not wrong:
            headings = {column.field: heading for column, heading, _ in columns}
            entries.append(Entry(number, table.item(**values), headings))
    return Rows(entries, faults, frozenset(column.field for column, _, _ in columns))


def _columns(table: Table, sheet: Sheet, name: str) -> list[tuple[Column, str, int]]:
    """Column, its heading as written, and where it stands; a heading that nobody knows is passed over."""
    found: dict[str, tuple[Column, str, int]] = {}
    for position, heading in enumerate(sheet.headings):
        column = table.column_of(heading) if heading else None
        if column is None:
            continue
        if column.field in found:
            raise ConfigError(
                f"{name}: {found[column.field][1]!r} and {heading!r} are the same column; keep one"
            )
        found[column.field] = (column, heading, position)
    missing = [c.field for c in table.columns if c.required and c.field not in found]
    if missing:
        shown = ", ".join(f"{c.field} ({c.headings[0]})" for c in table.columns if c.field in missing)
        raise ConfigError(
            f"{name}: no column {shown}; headings are {', '.join(filter(None, sheet.headings))}"
        )
    return list(found.values())


def _values(
    columns: Sequence[tuple[Column, str, int]], number: int, cells: list[str]
) -> tuple[dict[str, Any], list[Fault]]:
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for column, heading, position in columns:
        text = cells[position] if position < len(cells) else ""
        try:
            if text:
                values[column.field] = column.read(text)
            elif column.required:
                raise Unreadable("it is empty", "every row needs it")  # noqa: TRY301 - one way to tell
        except Unreadable as error:
            problem, remedy = error.args
            faults.append(Fault(row=number, column=heading, problem=problem, remedy=remedy))
    return values, faults


def _plain(heading: str) -> str:
    return _DECORATION.sub("", heading).lower()
