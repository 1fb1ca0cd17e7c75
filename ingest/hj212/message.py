"""The data segment of a frame as fields and items (HJ 212-2017, 6.3 and tables 3 to 5).

The standard's names are case sensitive and its order is fixed; devices keep neither, so
both are read tolerantly. What the names of the items mean is worked out in ``form``.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from domain.errors import Reason, Rejected

_BODY: Final = re.compile(r"CP[ \t]*=[ \t]*&&", re.IGNORECASE)
_BLANK: Final = " \t\r\n\0"
_SQUEEZE: Final = str.maketrans("", "", _BLANK)
_INTEGER: Final = re.compile(r"\d{1,4}", re.ASCII)
_VERSIONS: Final = ("2005", "2017", "2025")
_SHIELD: Final = str.maketrans(";,", "\x1e\x1f")
_UNSHIELD: Final = str.maketrans("\x1e\x1f", ";,")
_NUMBER_GOES_ON: Final = re.compile(r",(?=[ \t]*\d[\d. \t]*(?:[,;]|\Z))")
"""A comma within a number, ``0,82`` or ``1,234.5``: cut there, it would be another number."""

_FIELDS: Final = frozenset({"QN", "ST", "CN", "PW", "MN", "FLAG", "PNUM", "PNO"})
_NOTHING: Final = frozenset({"", "null", "NULL", "Null"})


class Message(msgspec.Struct, frozen=True):
    """A data segment, read.

    Attributes:
        device: MN 设备唯一标识; empty if missing.
        command: CN 命令编码.
        flag: Flag 拆分包及应答标志; 0, which is HJ/T 212-2005 without answer, if missing.
        fields: header field, upper case → text; empty and ``null`` ones are left out.
        names: what stands before each ``=`` of the command parameters, as sent, in order.
        texts: what stands behind it, without blanks around it.
    """

    device: str
    command: str
    flag: int
    fields: Mapping[str, str]
    names: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def qn(self) -> str:
        """QN 请求编码; empty if missing."""
        return self.fields.get("QN", "")

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
        if "PNUM" not in self.fields:
            return None
        number, count = _integer(self.fields.get("PNO", "")), _integer(self.fields["PNUM"])
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
    names, texts = _items(parameters.removesuffix("&&"))
    flag = _integer(fields.get("FLAG", ""))
    flag = flag if flag <= 255 else 0
    return Message(readable(fields.get("MN", "")), fields["CN"], flag, fields, names, texts)


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


def _items(parameters: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    # ',' joins what belongs to one code and ';' separates codes; since each key carries
    # its code, and devices mix them up, both simply end an item.
    if parameters.isascii() and "//" not in parameters:
        names, equals, texts = _split(parameters)
        if all(equals) or not _NUMBER_GOES_ON.search(parameters):
            return names, texts
    names, _, texts = _split(_shield(_NUMBER_GOES_ON.sub("\x1f", parameters)))
    whole = tuple(name.translate(_UNSHIELD) for name in names)
    return whole, tuple(readable(text.translate(_UNSHIELD)) for text in texts)


def _split(parameters: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What stands before each ``=``, the ``=`` where there is one, and what stands behind it."""
    pairs = [member.partition("=") for member in parameters.replace(",", ";").split(";")]
    names, equals, texts = zip(*pairs, strict=True)
    return names, equals, tuple([text.strip(_BLANK) for text in texts])


def _shield(parameters: str) -> str:
    """Hide separators within ``//…//``, where log texts stand (HJ 212-2017, table 7)."""
    pieces = parameters.split("//")
    pieces[1::2] = [piece.translate(_SHIELD) for piece in pieces[1::2]]
    return "//".join(pieces)


def readable(latin: str) -> str:
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
