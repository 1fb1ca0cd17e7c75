"""The command parameters of a frame with data: time, codes, values, flags (HJ 212-2017, annexes B and C)."""

import re
from datetime import datetime

from app.conformance.card import Card, Verdict
from app.conformance.values import check_clock, check_values
from domain.errors import Reason, Rejected
from domain.flags import FLAGS
from ingest.hj212.decode import Decoded, decode_message
from ingest.hj212.key import items
from ingest.hj212.message import Message
from ingest.hj212.vendor_map import VendorMap


def check_data(card: Card, message: Message, now: datetime, meanings: VendorMap) -> None:
    """Everything that stands in ``CP=&&…&&``."""
    decoded = _check_time(card, message, now, meanings)
    if decoded is None:
        return
    codes = {key.code: key.sent for key, _ in items(message) if key.code not in {"DATATIME", "FLAG"}}
    unmapped = [sent.partition("-")[0] for code, sent in codes.items() if code not in meanings]
    card.check("codes", decoded.readings or decoded.unreadable, f"none is known: {', '.join(unmapped)}")
    if unmapped:
        card.note("codes", Verdict.WARN, f"kept as text only: {', '.join(unmapped)}")
    for factor, text in decoded.unreadable.items():
        card.note("values", Verdict.FAIL, f"{factor} = {text!r} is no number")
    if decoded.readings:
        card.note("values", Verdict.OK)
    check_values(card, decoded.readings, decoded.flags)
    _check_flags(card, message, set(codes) - {code for code in codes if code not in meanings})


def _check_time(card: Card, message: Message, now: datetime, meanings: VendorMap) -> Decoded | None:
    stamps = [text for key, text in items(message) if key.code == "DATATIME" and not key.suffix]
    if card.check("datatime", stamps, "no DataTime"):
        shape = re.fullmatch(r"\d{14}", stamps[0])
        card.check("datatime", shape, f"DataTime={stamps[0]}", Verdict.WARN)
    try:
        decoded = decode_message(message, "standard", meanings)
    except Rejected as error:
        if error.reason is not Reason.NO_DEVICE:  # that is told at MN
            card.note("datatime", Verdict.FAIL, error.detail)
        return None
    if decoded.at is not None and message.command == "2011":
        check_clock(card, "datatime", decoded.at, now)
    return decoded


def _check_flags(card: Card, message: Message, mapped: set[str]) -> None:
    stated = {key.code: text for key, text in items(message) if key.suffix == "Flag"}
    for code, letter in stated.items():
        card.check("value_flags", letter in FLAGS, f"{code}-Flag={letter}")
    measured = {key.code for key, _ in items(message) if key.suffix in {"Rtd", "Avg"}}
    bare = sorted((mapped & measured) - stated.keys())
    if bare:
        card.note("value_flags", Verdict.WARN, f"no -Flag: {', '.join(bare)}")
