"""JSON reports over MQTT → candidates for admission (design §3)."""

from datetime import datetime

from domain.codec import decode_device_reports
from domain.errors import Reason, Rejected
from domain.instant import from_ms
from domain.report import DeviceReport
from ingest.admission import Candidate


def candidates(payload: bytes, device: str) -> list[Candidate]:
    """The reports of one publication, in the device's order.

    Args:
        payload: a JSON object or a list of them.
        device: the device that the topic names.

    Raises:
        Rejected: the payload is no report; nothing of it can be used.
    """
    reports = decode_device_reports(payload)
    if not reports:
        raise Rejected(Reason.EMPTY, "the list holds no report", device)
    for report in reports:
        if report.device is not None and report.device != device:
            raise Rejected(
                Reason.WRONG_DEVICE, f"the topic says {device!r}, the report says {report.device!r}", device
            )
    return [_candidate(report, device) for report in reports]


def _candidate(report: DeviceReport, device: str) -> Candidate:
    return Candidate(
        device=device,
        at=_instant(report.at, device),
        readings=report.readings,
        flags=report.flags,
        seq=report.seq,
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
