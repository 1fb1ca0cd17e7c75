"""Frames: what stands between ``##`` and the checksum, or why it is none.

Pure functions over bytes whose place in the stream ``framer`` has found.
"""

import re
from typing import Final

import msgspec

from domain.errors import Reason
from ingest.hj212.crc import crc212, identify
from ingest.hj212.length import length_rule

KEPT_BYTES: Final = 4096
"""How much of refused bytes is kept for the dead letter."""

HEADER: Final = re.compile(rb"##(\d{2,5})(?=\D)")
"""``##`` and the length: four digits, or as many as an unpadded ``%d`` gives."""

STANDARD: Final = re.compile(rb"(##(\d{4})([^&#\r\n]*CP=&&[^&#\r\n]*&&))([0-9A-Fa-f]{4})")
"""A frame as the standard has it."""

_LENGTH: Final = re.compile(rb"##(\d+)")
_BLANK: Final = b" \t\r\n\0"
_CUT_HEADER: Final = re.compile(rb"##\d{0,5}")
_LOST_END: Final = re.compile(rb"[0-9A-Fa-f]{4}\Z")
_OPENING: Final = re.compile(rb"CP[ \t]{0,8}=[ \t]{0,8}\Z", re.IGNORECASE)
_CUT_CRC: Final = re.compile(rb"[0-9A-Fa-f]{1,3}")
_ENCRYPTED: Final = re.compile(rb"\{0x[0-9A-Fa-f]{2},")
_SHOWN: Final = 24


class Frame(msgspec.Struct, frozen=True):
    """A frame whose checksum is right by a known rule.

    Attributes:
        raw: from ``##`` to the checksum.
        data: the data segment.
        declared: the length that it declares.
        length_rule: by which way of counting that is right (``ingest.hj212.length``).
        crc: the checksum as sent.
        crc_rule: by which rule it is right (``ingest.hj212.crc``).
        prefix: text on the same line in front of ``##``.
    """

    raw: bytes
    data: bytes
    declared: int
    length_rule: str
    crc: bytes
    crc_rule: str
    prefix: bytes = b""


class Refused(msgspec.Struct, frozen=True):
    """Bytes that are no frame.

    Attributes:
        reason: why, as a code.
        detail: why, as a sentence.
        raw: the bytes, at most ``KEPT_BYTES`` of them.
        size: how many there were.
    """

    reason: Reason
    detail: str
    raw: bytes
    size: int


def close_frame(segment: bytes, crc: bytes, prefix: bytes) -> Frame | None:
    """A frame, if ``crc`` is the checksum of what ``segment`` holds.

    Args:
        segment: from ``##`` to the closing ``&&``, both included.
        crc: one to four hexadecimal digits that follow it.
        prefix: what stood in front of it.
    """
    header = HEADER.match(segment)
    assert header is not None
    data, declared = segment[header.end() :], int(header[1])
    rule = identify(data, crc, declared)
    if rule is None:
        return None
    return Frame(segment + crc, data, declared, length_rule(declared, data), crc, rule, prefix)


def close_standard(match: re.Match[bytes]) -> Frame | None:
    """The frame of a match of ``STANDARD``, if length and checksum, too, are the standard's."""
    opening, declared, data, crc = match.groups()
    if int(declared) != len(data) or int(crc, 16) != crc212(data):
        return None
    return Frame(opening + crc, data, len(data), "exact", crc, "standard")


def close_without_end(raw: bytes, prefix: bytes) -> Frame | None:
    """A frame that lost its closing ``&&``, as rewriters of frames leave it.

    Witnesses: the last four characters are the checksum of all before them, and the
    declared length is that of the text with or without the two characters.
    """
    text = raw.rstrip(_BLANK)
    found = _LOST_END.search(text)
    if not found or not HEADER.match(text[:-4]):
        return None
    frame = close_frame(text[:-4], found[0], prefix)
    return frame if frame and frame.length_rule in {"exact", "end-lost"} else None


def opens_body(before: bytes) -> bool:
    """Whether the ``&&`` that follows ``before`` opens the command parameters (``CP=&&``)."""
    return _OPENING.search(before) is not None


def refuse_frame(raw: bytes) -> Refused:
    """Say why bytes that begin like a frame are none."""
    header = _LENGTH.match(raw)
    assert header is not None
    text = raw.rstrip(_BLANK)
    end = text.rfind(b"&&")
    tail = text[end + 2 :]
    if end < 0 or opens_body(text[:end]):
        reason, sentence = Reason.INCOMPLETE, "the frame stops before its end"
        actual = len(text) - header.end()
    else:
        actual = end + 2 - header.end()
        reason, sentence = _refuse_tail(tail)
    if reason is Reason.BAD_CRC and _ENCRYPTED.search(text):
        sentence = "its body looks encrypted (SM4, HJ 212-2025), which is not read"
    counted = f"{sentence}; the data segment has {actual} characters and declares {int(header[1])}"
    return Refused(reason, counted, raw[:KEPT_BYTES], len(raw))


def _refuse_tail(tail: bytes) -> tuple[Reason, str]:
    if not tail:
        return Reason.INCOMPLETE, "it has no checksum"
    if _CUT_CRC.fullmatch(tail):
        return Reason.INCOMPLETE, f"its checksum stops after {_shown(tail)}"
    return Reason.BAD_CRC, f"no known rule makes {_shown(tail)} its checksum"


def refuse_rubbish(sample: bytes, size: int, *, overlong: bool = False) -> Refused:
    """Say why bytes outside any frame are none.

    Args:
        sample: their first bytes.
        size: how many there were.
        overlong: they begin like a frame that did not end.
    """
    if overlong:
        sentence = f"a frame began and did not end: {size} bytes from {_shown(sample)}"
        return Refused(Reason.TOO_LARGE, sentence, sample, size)
    if _CUT_HEADER.fullmatch(sample):
        return Refused(Reason.INCOMPLETE, f"a frame stops after {_shown(sample)}", sample, size)
    start = sample.find(b"##")
    if 0 <= start < sample.rfind(b"&&"):
        sentence = f"no length of 2 to 5 digits after ##: {_shown(sample[start:])}"
        return Refused(Reason.BAD_LENGTH, sentence, sample, size)
    sentence = f"no ## with a length in {size} bytes from {_shown(sample)}"
    return Refused(Reason.NO_FRAME, sentence, sample, size)


def _shown(text: bytes) -> str:
    cut = text[:_SHOWN].decode("latin-1")
    return repr(cut) + ("…" if len(text) > _SHOWN else "")
