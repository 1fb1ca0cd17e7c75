"""The header fields of a frame (HJ 212-2017, tables 3 to 5)."""

import re
from typing import Final

from app.conformance.card import Card, Verdict
from app.conformance.expected import Expected
from ingest.hj212.message import Message

_ORDER: Final = ("QN", "ST", "CN", "PW", "MN", "Flag", "PNUM", "PNO", "CP")
_QN: Final = re.compile(r"20\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d\d{3}")
# Table 5, and 44 and 45 of HJ 212-2025; A0 to Z9 are for extensions.
_KNOWN_ST: Final = frozenset(
    str(code) for code in (*range(21, 28), *range(31, 35), *range(36, 40), 41, 44, 45, 51, 52, 91)
)
_UPLOADS: Final = frozenset(
    str(code) for code in (2011, 2021, 2031, 2041, 2051, 2061, 2081, 3019, 3020, 9011, 9012, 9013, 9014)
)
_HOUSEKEEPING: Final = frozenset({"1011", "1013", "1061", "1063", "9015"})


def check_header(card: Card, header: str, message: Message, expected: Expected) -> None:
    """Names and order of the fields, and what each says.

    Args:
        card: where it is noted.
        header: the data segment up to ``CP=``.
        message: the same, read.
        expected: what is known of the device.
    """
    names = [part.partition("=")[0] for part in header.split(";") if part] + ["CP"]
    wanted = [name for name in _ORDER if name in names]
    card.check("header_order", names == wanted, ";".join(names))
    fields = message.fields
    qn, system = fields.get("QN", ""), fields.get("ST", "")
    card.check("qn", _QN.fullmatch(qn), f"QN={qn}")
    if card.check("st", re.fullmatch(r"[0-9A-Z]{2}", system), f"ST={system}"):
        card.check("st", system in _KNOWN_ST or system[0].isalpha(), f"ST={system}", Verdict.WARN)
    if card.check("cn", re.fullmatch(r"\d{4}", message.command), f"CN={message.command}"):
        known = message.command in _UPLOADS | _HOUSEKEEPING
        card.check("cn", known, f"CN={message.command} is no upload that the standard names", Verdict.WARN)
    _check_identity(card, message, expected)
    _check_flag(card, message)


def _check_identity(card: Card, message: Message, expected: Expected) -> None:
    password, device = message.fields.get("PW", ""), message.device
    right = expected.password is None or password == expected.password
    if card.check("pw", right, f"PW={password} is not the one agreed on"):
        card.check("pw", len(password) == 6, f"PW has {len(password)} characters", Verdict.WARN)
    if not card.check("mn", device, "MN is missing or empty"):
        return
    if card.check("mn", expected.device in (None, device), f"MN={device}, not {expected.device}"):
        length = 14 if message.protocol_version == "2005" else 24
        shape = r"[0-9A-Za-z]{14}" if length == 14 else r"[0-9A-F]{24}"
        told = f"MN={device} has {len(device)} characters; {message.protocol_version} wants {length}"
        card.check("mn", re.fullmatch(shape, device), told, Verdict.WARN)


def _check_flag(card: Card, message: Message) -> None:
    sent = message.fields.get("FLAG")
    if not card.check("flag", sent is not None and sent.isdigit() and int(sent) < 256, f"Flag={sent}"):
        return
    split = bool(message.flag & 2)
    parts = {"PNUM", "PNO"} <= message.fields.keys()
    told = f"Flag={sent}, but PNUM and PNO are {'there' if parts else 'missing'}"
    card.check("flag", split == parts, told)
    if message.command.startswith("2"):
        card.check("flag", message.ack_wanted, f"Flag={sent} asks for no answer", Verdict.WARN)
