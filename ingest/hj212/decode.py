"""A message → readings in canonical units, with all that was said beside them.

Pure and without a register: what a device may send, and whether it may be stored, is
decided in ``ingest.hj212.door``.
"""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec

from domain.errors import Reason, Rejected
from domain.flags import FLAGS
from domain.instant import CHINA
from ingest.hj212.form import Form, flag_letter, form
from ingest.hj212.frame import Frame
from ingest.hj212.message import Message, parse
from ingest.hj212.vendor_map import VendorMap, vendor_map

AVERAGED: Final = frozenset({"2031", "2041", "2051", "2061"})
"""Commands whose values belong to an interval that begins at DataTime: day, minute, hour."""

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_NORMAL: Final = frozenset({"N", "n", ""})
_LONGEST_NUMBER: Final = 64
_TIME: Final = re.compile(r"\d{14}(?:\d\d\d?)?", re.ASCII)
_EARLIEST: Final = "1970"
_SPELT: Final = re.compile(r"[ /:.T-]*".join([r"(\d{4})", *[r"(\d\d)"] * 5, r"(\d{2,3}|)"]), re.ASCII)
"""With punctuation each field has its full width: in ``2026-1-11`` only a guess finds the month."""


class Decoded(msgspec.Struct, frozen=True):
    """A frame, understood.

    Attributes:
        message: header fields and items, in order.
        crc: the rule by which the checksum is right.
        form: what the names of its items mean.
        at: DataTime, in China's time; none where the message has none.
        readings: factor → value in its canonical unit.
        flags: factor → letter, where one was stated.
        unreadable: factor → text that should be a number and is none.
    """

    message: Message
    crc: str
    form: Form
    at: datetime | None
    readings: dict[str, float]
    flags: dict[str, str]
    unreadable: dict[str, str]

    @property
    def device(self) -> str:
        """MN 设备唯一标识."""
        return self.message.device

    @property
    def command(self) -> str:
        """CN 命令编码."""
        return self.message.command

    @property
    def raw(self) -> dict[str, str]:
        """Key as sent → text as sent; of repeated keys the first."""
        texts = self.message.texts
        return {sent: texts[position] for sent, position in self.form.raw}

    @property
    def told(self) -> dict[str, str]:
        """The same without DataTime, which is told elsewhere, and without flags that say N (normal)."""
        texts = self.message.texts
        told = {sent: texts[position] for sent, position in self.form.told}
        for sent, position in self.form.flags:
            if texts[position] not in _NORMAL:
                told[sent] = texts[position]
        return told


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
    data = message.command.startswith("2")
    meant = form(
        message.names,
        averaged=message.command in AVERAGED,
        meanings=vendor_map() if meanings is None else meanings,
    )
    readings, flags, unreadable = _readings(meant, message.texts) if data else ({}, {}, {})
    at = None
    if meant.time is not None:
        # Local, to the second; ms and 1/100 s are met. For intervals it is their start.
        at = parse_time(message.texts[meant.time], message.device)
    elif readings and message.part is None:
        raise Rejected(Reason.NO_TIME, "the readings have no DataTime", message.device)
    return Decoded(message, crc, meant, at, readings, flags, unreadable)


def decode_told(told: Mapping[str, str], meanings: VendorMap) -> tuple[dict[str, float], dict[str, str]]:
    """Readings and flags of what ``Decoded.told`` has kept, by the meanings of now.

    The command is not kept. Its ``-Rtd`` is preferred, then its ``-Avg``: minute data have no ``-Rtd``
    (HJ 212-2017, annex C). A text that should be a number and is none becomes "not a number".

    Args:
        told: key as sent → text as sent.
        meanings: what the codes mean.
    """
    names = tuple(name.encode().decode("latin-1") for name in told)  # as its bytes came in a frame
    readings, flags, unreadable = _readings(
        form(names, averaged=False, meanings=meanings), tuple(told.values())
    )
    return readings | dict.fromkeys(unreadable, math.nan), flags


def parse_time(text: str, device: str | None = None) -> datetime:
    """Read a DataTime: ``YYYYMMDDhhmmss`` in China's time, with up to three digits more.

    Spaces and punctuation may stand between the fields.

    Raises:
        Rejected: there is no such instant.
    """
    spelt = None if _TIME.fullmatch(text) else _SPELT.fullmatch(text)
    digits = "".join(spelt.groups()) if spelt else text
    try:
        if not _TIME.fullmatch(digits) or digits < _EARLIEST:
            raise ValueError  # noqa: TRY301 - the same sentence for both
        return _instant(digits)
    except ValueError:
        raise Rejected(
            Reason.NO_TIME, f"DataTime {text[:40]!r} is no instant YYYYMMDDhhmmss", device
        ) from None


@lru_cache(maxsize=1024)  # the devices of a city report the same minutes
def _instant(digits: str) -> datetime:
    year, month, day = int(digits[0:4]), int(digits[4:6]), int(digits[6:8])
    hour, minute, second = int(digits[8:10]), int(digits[10:12]), int(digits[12:14])
    fraction = int(digits[14:].ljust(6, "0"))
    return datetime(year, month, day, hour, minute, second, fraction, tzinfo=CHINA)


def _readings(meant: Form, texts: tuple[str, ...]) -> tuple[dict[str, float], dict[str, str], dict[str, str]]:
    """Readings, flags and unreadable texts, by factor."""
    readings: dict[str, float] = {}
    flags: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    for place in meant.places:
        factor, text = place.factor, texts[place.position]
        if factor in readings or (place.bare and text.upper() in FLAGS):
            continue  # NOIS=N says the flag of NOIS
        value = _number(text, place.scale)
        if value is None:
            unreadable.setdefault(factor, text)
            continue
        readings[factor] = value
        if letter := flag_letter(place.flags, texts):
            flags[factor] = letter
    if unreadable:
        unreadable = {factor: text for factor, text in unreadable.items() if factor not in readings}
    return readings, flags, unreadable


def _number(text: str, scale: Decimal | None) -> float | None:
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        return None
    value = float(text) if scale is None else float(Decimal(text) * scale)
    return value if math.isfinite(value) else None
