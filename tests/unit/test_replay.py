"""A second way in: what refused bytes yield now, and what becomes of their letters."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.replay import Doors, compare, decode_again, to_publish
from domain.codec import encode
from domain.errors import ConfigError, Reason, Rejected
from domain.report import RejectedMessage, Report, Scope, Source
from domain.site import Device, Protocol, Site, SiteKind
from domain.topics import Channel, mqtt_topic
from ingest.admission import Bounds, Inbound
from ingest.hj212.answer import enclose
from runtime.quarantine import Waiting, full_id

AT = datetime(2026, 1, 1, 4, tzinfo=UTC)
SITE = Site(site="r1", kind=SiteKind.RESTAURANT, area="320602")
D1 = Device(device="d1", point_id=1, site=SITE)
JSON = b'{"at": "2026-01-01T12:00:00+08:00", "seq": 7, "readings": {"oil_fume": 0.5}}'
FRAME = enclose(b"QN=1;ST=39;CN=2011;PW=1;MN=d1;Flag=5;CP=&&DataTime=20260101120000;ga23-Rtd=0.5&&")


def doors(*devices: Device) -> Doors:
    return Doors({device.device: device for device in devices}, Bounds(), 1 << 20)


def waiting(payload: bytes, origin: str, source: Source | None) -> Waiting:
    return Waiting(AT, origin, payload, source)


@pytest.mark.parametrize(
    "message",
    [
        waiting(JSON, mqtt_topic("d1", Channel.READINGS), Source.MQTT),
        waiting(FRAME, mqtt_topic("d1", Channel.HJ212), Source.MQTT_HJ212),
        waiting(FRAME, "tcp://10.0.0.7:4711", Source.HJ212),
        waiting(
            encode(Report(device="d1", at=AT, readings={"oil_fume": 0.5}, source=Source.MQTT)),
            "kafka:readings",
            Source.MQTT,
        ),
    ],
)
def test_each_door_decodes_again_with_the_register_of_now(message: Waiting):
    (refused,) = decode_again(message, doors()).rejected
    assert refused.reason in {Reason.UNKNOWN_DEVICE, Reason.NO_READINGS}
    mended = Device(device="d1", point_id=1, site=SITE, protocol=Protocol.HJ212, vendor="ga")
    (report,) = decode_again(message, doors(mended)).reports
    assert (report.device, report.instant, report.readings) == ("d1", AT, {"oil_fume": 0.5})
    assert (report.received_at, report.source) == (AT, message.source)


def test_time_is_held_against_the_first_receipt():
    late = Waiting(AT + timedelta(days=40), mqtt_topic("d1", Channel.READINGS), JSON, Source.MQTT)
    assert [letter.reason for letter in decode_again(late, doors(D1)).rejected] == [Reason.TOO_OLD]


@pytest.mark.parametrize("origin", ["kafka:readings", "tcp://1:1", "yanchen/v1/d1/readings", "nowhere"])
@pytest.mark.parametrize("source", [*Source, None])
def test_rubbish_stays_refused(origin: str, source: Source | None):
    again = decode_again(waiting(b"\xff\x00rubbish", origin, source), doors(D1))
    assert again.reports == ()
    assert again.rejected


def letter(offset: int, scope: Scope = Scope.REPORT, reason: str = "unknown_device") -> dict[str, Any]:
    return {"log_offset": offset, "scope": scope.value, "reason": reason, "detail": "d"}


def refusal(reason: Reason, scope: Scope = Scope.REPORT) -> RejectedMessage:
    inbound = Inbound(payload=b"", origin="", received_at=AT, source=Source.MQTT)
    made = inbound.refuse(Rejected(reason, "d"))
    return RejectedMessage(
        **{name: getattr(made, name) for name in made.__struct_fields__} | {"scope": scope}
    )


def offsets(letters: list[dict[str, Any]]) -> list[int]:
    return [row["log_offset"] for row in letters]


def test_all_go_through():
    outcome = compare([letter(1), letter(2)], [])
    assert (offsets(outcome.gone), outcome.kept, outcome.new) == ([1, 2], [], [])


def test_as_many_stay_as_are_refused_now():
    outcome = compare([letter(1), letter(2, reason="future"), letter(3)], [refusal(Reason.FUTURE)])
    assert offsets(outcome.gone) == [1, 3]
    assert [row["log_offset"] for row, _ in outcome.kept] == [2]


def test_what_was_stored_and_is_refused_now_is_not_told_again():
    outcome = compare([letter(1)], [refusal(Reason.UNKNOWN_DEVICE), refusal(Reason.UNKNOWN_DEVICE)])
    assert (outcome.gone, len(outcome.kept), outcome.new) == ([], 1, [])


def test_a_whole_report_that_loses_a_reading_has_gone_through():
    outcome = compare([letter(1)], [refusal(Reason.IMPLAUSIBLE, Scope.READING)])
    assert offsets(outcome.gone) == [1]
    assert [new.scope for new in outcome.new] == [Scope.READING]


def test_a_reading_whose_report_is_refused_now_stays():
    outcome = compare([letter(1, Scope.READING)], [refusal(Reason.UNKNOWN_DEVICE)])
    assert (outcome.gone, len(outcome.kept)) == ([], 1)


def test_one_report_for_each_whole_one_that_went_through():
    one, two = (Report(device="d1", at=AT + timedelta(minutes=n), readings={}) for n in range(2))
    assert to_publish([letter(1)], stored=[one], fresh=[]) == [one]
    assert to_publish([letter(1)], stored=[one], fresh=[two]) == [two]
    assert to_publish([letter(1), letter(2)], stored=[one], fresh=[two]) == [two, one]
    assert to_publish([letter(1, Scope.READING)], stored=[one], fresh=[]) == []
    assert to_publish([], stored=[], fresh=[two]) == []


@pytest.mark.parametrize(
    ("typed", "full"),
    [("0/17", "readings.rejected/0/17"), ("readings/2/007", "readings/2/7")],
)
def test_ids(typed: str, full: str):
    assert full_id(typed) == full


@pytest.mark.parametrize("typed", ["", "17", "a/b", "1/2/3/4", "0/-1"])
def test_no_ids(typed: str):
    with pytest.raises(ConfigError, match="no id"):
        full_id(typed)
