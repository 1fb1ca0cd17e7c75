"""What a single HJ 212 frame shows: its envelope, its header, its readings.

Lenient where Yanchen's ingest is lenient, but nothing that it forgives stays unsaid.
"""

from datetime import datetime
from typing import Final

from app.conformance.body import check_data
from app.conformance.card import Card, Verdict
from app.conformance.expected import Expected
from app.conformance.header import check_header
from domain.errors import Reason, Rejected
from ingest.hj212.frame import Frame, Refused
from ingest.hj212.message import Message, parse
from ingest.hj212.vendor_map import vendor_map

ITEMS: Final = (
    *("bytes", "length", "crc", "line_end", "header_order", "qn", "st", "cn", "pw", "mn", "flag"),
    *("datatime", "codes", "values", "units", "value_flags"),
)
"""Items of a frame, in the order of its bytes."""

DATA: Final = frozenset({"2011", "2021", "2051"})
"""Commands that carry readings."""

_LONGEST: Final = 1024
_ITEM_OF: Final = {Reason.BAD_CRC: "crc", Reason.BAD_LENGTH: "length"}


def check_refused(card: Card, refused: Refused) -> None:
    """Bytes that are no frame."""
    item = _ITEM_OF.get(refused.reason, "bytes")
    card.note(item, Verdict.FAIL, f"{refused.reason}: {refused.detail}")


def check_frame(card: Card, frame: Frame, now: datetime, expected: Expected) -> Message | None:
    """Everything that one frame shows, but its line end; the message, where it can be read."""
    card.check("bytes", not frame.prefix, f"{frame.prefix!r} in front of ##", Verdict.WARN)
    _check_envelope(card, frame)
    try:
        message = parse(frame.data)
    except Rejected as error:
        card.note("cn", Verdict.FAIL, error.detail)
        return None
    check_header(card, frame.data.decode("latin-1").partition("CP=")[0], message, expected)
    if message.command in DATA:
        check_data(card, message, now, vendor_map(expected.vendor))
    return message


def check_line_end(card: Card, following: bytes) -> None:
    """The two bytes after the checksum."""
    card.check("line_end", following == b"\r\n", f"{following!r} after the checksum")


def _check_envelope(card: Card, frame: Frame) -> None:
    digits = len(frame.raw) - len(frame.data) - len(frame.crc) - 2
    told = f"declares {frame.declared} for {len(frame.data)} characters ({frame.length_rule})"
    if card.check("length", frame.length_rule == "exact" and digits == 4, told):
        longest = f"{len(frame.data)} characters, more than {_LONGEST}"
        card.check("length", len(frame.data) <= _LONGEST, longest, Verdict.WARN)
    crc = frame.crc.decode()
    if card.check("crc", frame.crc_rule == "standard", f"{crc} is right by rule {frame.crc_rule}"):
        card.check("crc", crc == crc.upper(), f"{crc} in lower case", Verdict.WARN)
