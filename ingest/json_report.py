"""JSON reports over MQTT → candidates for admission (design §3)."""

import math
from datetime import datetime

from domain.codec import decode_device_report
from domain.errors import Reason, Rejected
from domain.instant import from_ms
from ingest.admission import Candidate


def candidate(text: bytes, device: str) -> Candidate:
    """One report of a publication, to be admitted.

    A reading that is no number becomes "not a number", so that admission refuses it by name.

    Args:
        text: a JSON object.
        device: the device that the topic names.

    Raises:
        Rejected: the text is no report; nothing of it can be used.
    """
    report, unreadable = decode_device_report(text)
    if report.device is not None and report.device != device:
        sentence = f"the topic says {device!r}, the report says {report.device!r}"
        raise Rejected(Reason.WRONG_DEVICE, sentence, device)
    readings = report.readings
    if unreadable:
        readings = readings | dict.fromkeys(unreadable, math.nan)
    return Candidate(
        device=device,
        at=_instant(report.at, device),
        readings=readings,
        flags=report.flags,
        seq=report.seq,
        unreadable=unreadable,
    )


def _instant(at: datetime | int, device: str) -> datetime:
    """When it was measured; in the outermost years, other zones would leave the calendar."""
    try:
        instant = from_ms(at) if isinstance(at, int) else at
    except OverflowError:
        instant = datetime.max  # noqa: DTZ901 - refused below
    if not 1 < instant.year < 9999:
        raise Rejected(Reason.INVALID_REPORT, f"at = {at} is no instant of the years 2 to 9998", device)
    return instant
