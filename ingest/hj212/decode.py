"""A message → readings in canonical units, with all that was said beside them.

Pure and without a register: what a device may send, and whether it may be stored, is
decided in ``ingest.hj212.door``.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.errors import Reason, Rejected
from domain.flags import FLAGS
from domain.instant import CHINA
from ingest.hj212.frame import Frame
from ingest.hj212.message import Item, Message, parse
from ingest.hj212.vendor_map import Meaning, VendorMap, vendor_map

AVERAGED: Final = frozenset({"2031", "2041", "2051", "2061"})
"""Commands whose values belong to an interval that begins at DataTime: day, minute, hour."""

# Which suffix gives the reading, best first. Zs values (折算, converted to a reference
# oxygen content), totals and extremes are no readings.
_OF_INSTANT: Final = {"Rtd": 0, "": 1, "Avg": 2, "Data": 3, "RS": 4}
_OF_INTERVAL: Final = {"Avg": 0, "Data": 1, "Rtd": 2, "": 3}

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_LONGEST_NUMBER: Final = 64
_TIME: Final = re.compile(r"\d{14}(?:\d\d\d?)?", re.ASCII)
_EARLIEST: Final = "1970"
_PUNCTUATION: Final = str.maketrans("", "", " -/:.T")
_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A frame, understood.

    Attributes:
        device: MN 设备唯一标识.
        at: DataTime, in China's time; none where the message has none.
        command: CN 命令编码.
        protocol_version: ``2005``, ``2017`` or ``2025``, by Flag.
        ack_wanted: the device waits for an answer, by Flag.
        crc: the rule by which the checksum is right.
        readings: factor → value in its canonical unit.
        raw: key as sent → text as sent; of repeated keys the first.
        flags: factor → letter, where one was stated.
        unreadable: factor → text that should be a number and is none.
        part: (PNO, PNUM) of a message sent in parts.
        message: header fields and items, in order.
    """

    device: str
    at: datetime | None
    command: str
    protocol_version: str
    ack_wanted: bool
    crc: str
    readings: dict[str, float]
    raw: dict[str, str]
    flags: dict[str, str]
    unreadable: dict[str, str]
    part: tuple[int, int] | None
    message: Message


def decode_frame(frame: Frame, meanings: VendorMap | None = None) -> Decoded:
    """Decode a frame; see ``decode_message``."""
    return decode_message(parse(frame.data), frame.crc_rule, meanings)


def decode_message(message: Message, crc: str, meanings: VendorMap | None = None) -> Decoded:
    """Decode a message.

    Args:
        message: the fields and items.
        crc: the rule by which the frame's checksum was right.
        meanings: what the codes mean; the national ones if not given.

    Raises:
        Rejected: there is no device, or readings without a time.
    """
    if not message.device:
        raise Rejected(Reason.NO_DEVICE, f"command {message.command} names no device: MN is missing or empty")
    readings, unreadable, flags = _readings(message, vendor_map() if meanings is None else meanings)
    at = _time(message) if message.command.startswith("2") else None
    if at is None and readings and message.part is None:
        raise Rejected(Reason.NO_TIME, "the readings have no DataTime", message.device)
    return Decoded(
        device=message.device,
        at=at,
        command=message.command,
        protocol_version=message.protocol_version,
        ack_wanted=message.ack_wanted,
        crc=crc,
        readings=readings,
        raw=_raw(message.items),
        flags=flags,
        unreadable=unreadable,
        part=message.part,
        message=message,
    )


def _time(message: Message) -> datetime | None:
    """DataTime: local, to the second; ms and 1/100 s are met. For intervals it is their start."""
    for key, text in message.items:
        if key.code == "DATATIME" and not key.suffix:
            return parse_time(text, message.device)
    return None


def _raw(items: Sequence[Item]) -> dict[str, str]:
    raw = {key.sent: text for key, text in items}
    if len(raw) < len(items):
        raw |= {key.sent: text for key, text in reversed(items)}  # of repeated keys the first
    return raw


def parse_time(text: str, device: str | None = None) -> datetime:
    """Read a DataTime: ``YYYYMMDDhhmmss`` in China's time, with up to three digits more.

    Raises:
        Rejected: there is no such instant.
    """
    digits = text.translate(_PUNCTUATION)
    try:
        if not _TIME.fullmatch(digits) or digits < _EARLIEST:
            raise ValueError  # noqa: TRY301 - the same sentence for both
        year, month, day = int(digits[0:4]), int(digits[4:6]), int(digits[6:8])
        hour, minute, second = int(digits[8:10]), int(digits[10:12]), int(digits[12:14])
        fraction = int(digits[14:].ljust(6, "0"))
        return datetime(year, month, day, hour, minute, second, fraction, tzinfo=CHINA)
    except ValueError:
        raise Rejected(
            Reason.NO_TIME, f"DataTime {text[:40]!r} is no instant YYYYMMDDhhmmss", device
        ) from None


def _readings(
    message: Message, meanings: VendorMap
) -> tuple[dict[str, float], dict[str, str], dict[str, str]]:
    """Readings, unreadable texts and flags, by factor."""
    if not message.command.startswith("2"):
        return {}, {}, {}
    stated, default = _flags(message.items)
    ranks = _OF_INTERVAL if message.command in AVERAGED else _OF_INSTANT
    readings: dict[str, float] = {}
    unreadable: dict[str, str] = {}
    flags: dict[str, str] = {}
    for meaning, (key, text) in _preferred(message.items, meanings, ranks):
        factor = meaning.factor
        if factor in readings:
            continue
        value = _number(text, meaning.scale)
        if value is None:
            unreadable.setdefault(factor, text)
            continue
        readings[factor] = value
        unreadable.pop(factor, None)
        flag = stated.get(key.code, default)
        if flag:
            flags[factor] = flag
    return readings, unreadable, flags


def _preferred(
    items: Iterable[Item], meanings: VendorMap, ranks: Mapping[str, int]
) -> list[tuple[Meaning, Item]]:
    """Items that may give a reading, the preferred of each factor first."""
    found = []
    for position, item in enumerate(items):
        (_, code, suffix), text = item
        meaning = meanings.get(code)
        if meaning is None or suffix not in ranks:
            continue
        if not suffix and text.upper() in FLAGS:
            continue  # NOIS=N says the flag of NOIS
        found.append((meaning.order, ranks[suffix], position, meaning, item))
    found.sort()  # positions differ, so meanings are never compared
    return [entry[3:] for entry in found]


def _flags(items: Iterable[Item]) -> tuple[dict[str, str], str]:
    """Code → flag letter, and the letter of a ``Flag=N`` that names no code."""
    stated: dict[str, str] = {}
    default = ""
    for (_, code, suffix), text in items:
        if suffix == "Flag":
            if text:
                stated.setdefault(code, text.upper())
        elif not suffix and (letter := text.upper()) in FLAGS:
            if code == "FLAG":
                default = default or letter
            else:
                stated.setdefault(code, letter)
    return stated, default


def _number(text: str, scale: Decimal) -> float | None:
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        return None
    value = float(text) if scale == _ONE else float(Decimal(text) * scale)
    return value if math.isfinite(value) else None
