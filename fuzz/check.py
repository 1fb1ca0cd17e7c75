"""What must hold of any input: every check raises ``AssertionError`` if it does not."""

import math
from datetime import UTC, datetime

from domain.codec import decode_report, encode, split_device_reports
from domain.errors import Rejected
from domain.factors import FACTORS
from domain.flags import FLAGS
from domain.report import Source
from domain.site import Device, Protocol, Site, SiteKind
from ingest.admission import Admitted, Bounds, Inbound, admit, merge
from ingest.hj212.answer import HOUSEKEEPING, RESULTS
from ingest.hj212.door import Door
from ingest.hj212.frame import Frame
from ingest.hj212.framer import Framer
from ingest.hj212.message import parse
from ingest.hj212.session import Session
from ingest.json_report import candidate

NOW = datetime(2026, 1, 1, 4, 1, tzinfo=UTC)  # 12:01 in China
_SITE = Site(site="s", kind=SiteKind.CONSTRUCTION, area="320602")
REGISTER = {
    name: Device(device=name, point_id=number, site=_SITE, protocol=Protocol.HJ212, vendor=vendor)
    for number, (name, vendor) in enumerate({"YC-1": None, "YC-2": "ng+hpa", "YC-3": "bokong"}.items())
}
_UNTOLD = HOUSEKEEPING | RESULTS  # they hold no readings, and are not recorded


def inbound(payload: bytes) -> Inbound:
    return Inbound(payload=payload, origin="fuzz", received_at=NOW, source=Source.HJ212)


def check_frames(data: bytes) -> None:
    """Raw frames in one payload, and on a connection cut in two."""
    whole = Door(lambda: REGISTER).take_payload(inbound(data))
    _check_admitted(whole)
    if not whole.reports and not whole.rejected:
        framer = Framer()
        found = [*framer.feed(data), *framer.flush()]
        assert found, "an empty payload has a reason, too"
        for one in found:
            assert isinstance(one, Frame), one
            assert parse(one.data).command in _UNTOLD
    session = Session(Door(lambda: REGISTER), "fuzz")
    half = len(data) // 2
    for outcome in (session.receive(data[:half], NOW), session.receive(data[half:], NOW), session.end(NOW)):
        _check_admitted(outcome.admitted)
        answers = Framer().feed(outcome.answers)
        assert all(isinstance(one, Frame) and one.crc_rule == "standard" for one in answers), outcome.answers


def check_json(data: bytes) -> None:
    """A JSON publication."""
    try:
        found = [_admit(text) for text in split_device_reports(data)]
    except Rejected as error:
        found = [Admitted(rejected=(inbound(data).refuse(error, "YC-1"),))]
    admitted = merge(found)
    assert admitted.reports or admitted.rejected, "neither readings nor a reason"
    _check_admitted(admitted)


def _admit(text: bytes) -> Admitted:
    try:
        return admit(candidate(text, "YC-1"), inbound(text), REGISTER, Bounds())
    except Rejected as error:
        return Admitted(rejected=(inbound(text).refuse(error, "YC-1"),))


def _check_admitted(admitted: Admitted) -> None:
    for report in admitted.reports:
        assert report.readings
        assert set(report.readings) <= set(FACTORS)
        assert all(math.isfinite(value) for value in report.readings.values())
        assert set(report.flags.values()) <= set(FLAGS)
        assert decode_report(encode(report)).readings == report.readings
    for letter in admitted.rejected:
        assert letter.reason
        assert letter.detail
        assert encode(letter)
