"""The data segment of a frame as fields and items (HJ 212-2017, 6.3 and tables 3 to 5).

The standard's names are case sensitive and its order is fixed; devices keep neither, so
both are read tolerantly, and every item keeps the text with which it came.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from domain.errors import Reason, Rejected

_BODY: Final = re.compile(r"CP[ \t]*=[ \t]*&&", re.IGNORECASE)
_BLANK: Final = " \t\r\n\0"
_SQUEEZE: Final = str.maketrans("", "", _BLANK)
_INTEGER: Final = re.compile(r"\d{1,4}", re.ASCII)
_VERSIONS: Final = ("2005", "2017", "2025")
_CACHED_KEY: Final = 48
_SHIELD: Final = str.maketrans(";,", "\x1e\x1f")
_UNSHIELD: Final = str.maketrans("\x1e\x1f", ";,")
_FIELDS: Final = frozenset({"QN", "ST", "CN", "PW", "MN", "FLAG", "PNUM", "PNO"})
_NOTHING: Final = frozenset({"", "null", "NULL", "Null"})

_SUFFIXES: Final = {
    name.lower(): name
    for name in (
        *("SampleTime", "Rtd", "Min", "Avg", "Max", "Cou", "ZsRtd", "ZsMin", "ZsAvg", "ZsMax"),
        *("Flag", "EFlag", "Data", "DayData", "NightData", "Info", "SN", "RS", "RT"),
    )
} | {"td": "Rtd"}  # LA-td: a misprint that many devices copied


class Key(NamedTuple):
    """What stands before ``=`` in the command parameters.

    Attributes:
        sent: as sent, without blanks.
        code: its factor or equipment code, upper case.
        suffix: what of it is told, as the standard spells it; empty if nothing is said.
    """

    sent: str
    code: str
    suffix: str


Item = tuple[Key, str]
"""One ``key=value`` of the command parameters, the value as sent."""


@dataclass(frozen=True, slots=True)
class Message:
    """A data segment, read.

    Attributes:
        fields: header field, upper case → text; empty and ``null`` ones are left out.
        items: the command parameters, in order.
    """

    fields: Mapping[str, str]
    items: tuple[Item, ...]

    @property
    def device(self) -> str:
        """MN 设备唯一标识; empty if missing."""
        return self.fields.get("MN", "")

    @property
    def command(self) -> str:
        """CN 命令编码."""
        return self.fields["CN"]

    @property
    def qn(self) -> str:
        """QN 请求编码; empty if missing."""
        return self.fields.get("QN", "")

    @property
    def flag(self) -> int:
        """Flag 拆分包及应答标志; 0, which is HJ/T 212-2005 without answer, if missing."""
        value = _integer(self.fields.get("FLAG", ""))
        return value if value <= 255 else 0

    @property
    def ack_wanted(self) -> bool:
        """Bit A: the sender waits for an answer (HJ 212-2017, table 4)."""
        return bool(self.flag & 1)

    @property
    def protocol_version(self) -> str:
        """Bits V: the year of the standard that the sender says it keeps."""
        return _VERSIONS[min(self.flag >> 2, 2)]

    @property
    def part(self) -> tuple[int, int] | None:
        """PNO and PNUM of a message sent in parts; nothing if it came whole."""
        number, count = _integer(self.fields.get("PNO", "")), _integer(self.fields.get("PNUM", ""))
        return (number, count) if 1 <= number <= count and count > 1 else None


def parse(data: bytes) -> Message:
    """Read a data segment.

    Raises:
        Rejected: there is no CN, so nobody can say what it is.
    """
    text = data.decode("latin-1")
    header, opening, parameters = text.partition("CP=&&")
    if not opening and (body := _BODY.search(text)):
        header, parameters = text[: body.start()], text[body.end() :]
    fields = _fields(header.removesuffix("&&"))
    if "CN" not in fields:
        raise Rejected(Reason.MALFORMED_FRAME, "the frame has no command (CN)", fields.get("MN"))
    return Message(fields, tuple(_items(parameters.removesuffix("&&"))))


def _fields(header: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in header.split(";"):
        name, _, value = part.partition("=")
        if name not in _FIELDS:
            name = name.translate(_SQUEEZE).upper()
        value = value.strip(_BLANK)
        if value not in _NOTHING:
            fields.setdefault(name, value)
    return fields


def _items(parameters: str) -> list[Item]:
    # ',' joins what belongs to one code and ';' separates codes; since each key carries
    # its code, and devices mix them up, both simply end an item.
    if not parameters.isascii() or "//" in parameters:
        return [(key, _text(text.translate(_UNSHIELD))) for key, text in _split(_shield(parameters))]
    return _split(parameters)


def _split(parameters: str) -> list[Item]:
    items = []
    for member in parameters.replace(",", ";").split(";"):
        name, _, value = member.partition("=")
        key = _known_key(name) if len(name) <= _CACHED_KEY else _key(name)
        if key.sent:
            items.append((key, value.strip(_BLANK)))
    return items


def _shield(parameters: str) -> str:
    """Hide separators within ``//…//``, where log texts stand (HJ 212-2017, table 7)."""
    pieces = parameters.split("//")
    pieces[1::2] = [piece.translate(_SHIELD) for piece in pieces[1::2]]
    return "//".join(pieces)


def _key(text: str) -> Key:
    """Key, code and suffix of ``a34001-Rtd``, ``LA-Rtd-Flag`` or ``a21026-i22004-Info``."""
    sent = _text(text.translate(_SQUEEZE))
    parts = sent.split("-")
    suffix = ""
    while len(parts) > 1 and parts[-1].lower() in _SUFFIXES:
        suffix = suffix or _SUFFIXES[parts[-1].lower()]
        parts.pop()
    return Key(sent, "-".join(parts).upper(), suffix)


_known_key = lru_cache(maxsize=4096)(_key)  # devices repeat their keys for ever


def _text(latin: str) -> str:
    """Chinese text is UTF-8 by the standard, and GBK from some."""
    if latin.isascii():
        return latin
    sent = latin.encode("latin-1")
    for encoding in ("utf-8", "gbk"):
        try:
            return sent.decode(encoding)
        except UnicodeDecodeError:
            continue
    return latin


def _integer(text: str) -> int:
    return int(text) if _INTEGER.fullmatch(text) else 0
