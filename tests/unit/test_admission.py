"""Which decoded reports may enter the log."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import Reason
from domain.report import Scope, Source
from domain.site import Device, Site, SiteKind
from ingest.admission import Admitted, Bounds, Candidate, Inbound, admit

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
SITE = Site(site="r1", kind=SiteKind.RESTAURANT, area="320602")
REGISTER = {
    "d1": Device(device="d1", point_id=1, site=SITE),
    "off": Device(device="off", point_id=2, site=SITE, enabled=False),
}
INBOUND = Inbound(payload=b"{}", origin="yanchen/v1/d1/readings", received_at=NOW, source=Source.MQTT)


def judge(**changes: object) -> Admitted:
    fields: dict[str, object] = {"device": "d1", "at": NOW, "readings": {"oil_fume": 0.8}} | changes
    return admit(Candidate(**fields), INBOUND, REGISTER, Bounds())  # type: ignore[arg-type]


def test_a_good_report_is_admitted_with_its_source_and_time() -> None:
    admitted = judge(seq=7, flags={"oil_fume": "N"})
    (report,) = admitted.reports
    assert (report.device, report.instant, report.seq) == ("d1", NOW, 7)
    assert report.readings == {"oil_fume": 0.8}
    assert report.flags == {}
    assert report.received_at == NOW
    assert not admitted.rejected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"device": "ghost"}, Reason.UNKNOWN_DEVICE),
        ({"device": "off"}, Reason.UNKNOWN_DEVICE),
        ({"at": NOW + timedelta(minutes=11)}, Reason.FUTURE),
        ({"at": NOW - timedelta(days=31)}, Reason.TOO_OLD),
        ({"readings": {}}, Reason.NO_READINGS),
        ({"readings": {"oil_fume": 9999.0}}, Reason.IMPLAUSIBLE),
        ({"readings": {"oil_fume": float("nan")}}, Reason.IMPLAUSIBLE),
        ({"readings": {"oil_fume": float("inf")}, "flags": {"oil_fume": "D"}}, Reason.IMPLAUSIBLE),
        ({"readings": {"luck": 1.0}}, Reason.UNKNOWN_FACTOR),
        ({"flags": {"oil_fume": "X"}}, Reason.UNKNOWN_FLAG),
    ],
)
def test_a_report_that_cannot_be_used_is_refused_whole(changes: dict[str, object], reason: Reason) -> None:
    admitted = judge(**changes)
    (letter,) = admitted.rejected
    assert not admitted.reports
    assert (letter.reason, letter.scope) == (reason, Scope.REPORT)
    assert letter.payload == INBOUND.payload
    assert letter.detail


def test_ten_minutes_ahead_is_still_taken() -> None:
    assert judge(at=NOW + timedelta(minutes=10)).reports


def test_one_impossible_reading_does_not_cost_the_others() -> None:
    admitted = judge(readings={"oil_fume": 0.8, "temperature": 900.0, "luck": 1.0})
    (report,) = admitted.reports
    assert report.readings == {"oil_fume": 0.8}
    assert {(letter.reason, letter.factors) for letter in admitted.rejected} == {
        (Reason.IMPLAUSIBLE, ("temperature",)),
        (Reason.UNKNOWN_FACTOR, ("luck",)),
    }
    assert all(letter.scope is Scope.READING for letter in admitted.rejected)


def test_a_flagged_value_is_kept_whatever_it_says() -> None:
    (report,) = judge(readings={"oil_fume": 999.99}, flags={"oil_fume": "D"}).reports
    assert report.readings == {"oil_fume": 999.99}
    assert report.flags == {"oil_fume": "D"}
