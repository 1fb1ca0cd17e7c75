from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Reason
from domain.report import Scope, Source
from domain.site import Device, Protocol, Site, SiteKind
from ingest.admission import Admitted, Bounds, Inbound
from ingest.hj212.answer import enclose
from ingest.hj212.crc import modbus
from ingest.hj212.door import Door, Taken, to_admitted
from ingest.hj212.frame import Frame
from ingest.hj212.framer import Framer
from ingest.hj212.packets import Packets
from ingest.hj212.session import Session

NOW = datetime(2026, 1, 1, 4, 1, tzinfo=UTC)  # 12:01 in China
SITE = Site(site="gd-1", kind=SiteKind.CONSTRUCTION, area="320602")


def device(name: str = "YC-1", **known: object) -> Device:
    plain = Device(device=name, point_id=1, site=SITE, protocol=Protocol.HJ212)
    return replace(plain, **known)


def inbound(payload: bytes = b"", now: datetime = NOW) -> Inbound:
    return Inbound(payload=payload, origin="tcp://192.0.2.7:1", received_at=now, source=Source.HJ212)


def frame(
    body: str = "LA-Rtd=50",
    *,
    head: str = "QN=20260101120000123;ST=39;CN=2011;PW=123456;MN=YC-1;Flag=5",
    at: str = "DataTime=20260101120000;",
) -> bytes:
    return enclose(f"{head};CP=&&{at}{body}&&".encode())


def take(data: bytes, *devices: Device, door: Door | None = None, now: datetime = NOW) -> Taken:
    (found,) = Framer().feed(data)
    assert isinstance(found, Frame)
    register = {one.device: one for one in devices or (device(),)}
    return (door or Door(lambda: register)).take(found, inbound(now=now))


def reasons(taken: Taken) -> list[Reason]:
    return [letter.reason for letter in taken.admitted.rejected]


ACK = enclose(b"QN=20260101120000123;ST=91;CN=9014;PW=123456;MN=YC-1;Flag=4;CP=&&&&")


def test_a_report_is_admitted_and_answered():
    taken = take(frame("a34001-Rtd=92,a34001-Flag=T;LA-Rtd=50,LA-Flag=N;x-Rtd=1"))
    (report,) = taken.admitted.reports
    assert (report.device, report.readings, report.flags) == ("YC-1", {"tsp": 92, "noise": 50}, {"tsp": "T"})
    assert report.instant == datetime(2026, 1, 1, 4, tzinfo=UTC)
    assert report.raw == {"a34001-Rtd": "92", "LA-Rtd": "50", "x-Rtd": "1", "a34001-Flag": "T"}
    assert report.source is Source.HJ212
    assert taken.admitted.rejected == ()
    assert taken.answers == (ACK,)


@pytest.mark.parametrize(
    ("flag", "answer"),
    [("Flag=4", None), ("Flag=0", None), ("Flag=1", "Flag=4"), ("Flag=9", "Flag=8"), ("Flag=8", None)],
)
def test_only_who_waits_is_answered_in_the_version_it_speaks(flag: str, answer: str | None):
    taken = take(frame(head=f"QN=1;CN=2011;PW=1;MN=YC-1;{flag}"))
    assert len(taken.admitted.reports) == 1
    expected = (
        () if answer is None else (enclose(f"QN=1;ST=91;CN=9014;PW=1;MN=YC-1;{answer};CP=&&&&".encode()),)
    )
    assert taken.answers == expected


@pytest.mark.parametrize("command", ["9013", "9014"])
def test_an_answer_is_never_answered(command: str):
    taken = take(frame(head=f"QN=1;CN={command};MN=YC-1;Flag=5"))
    assert taken.answers == ()
    assert reasons(taken) == [Reason.NOT_DATA]


@pytest.mark.parametrize("command", ["9011", "9012"])
def test_what_a_device_says_to_a_command_is_handed_on(command: str):
    taken = take(frame("QnRtn=1", head=f"QN=1;CN={command};MN=YC-1;Flag=5", at=""))
    assert (taken.admitted, taken.answers) == (Admitted(), ())
    assert taken.heard is not None
    assert taken.heard.command == command


@pytest.mark.parametrize("head", ["CN=2011;PW=1;MN=YC-1;Flag=5", "CN=9015;PW=1;MN=YC-1;Flag=9"])
def test_only_who_proves_its_name_is_spoken_to(head: str):
    assert take(frame(head=head), device(password="1")).heard is not None
    for other in (device(password="2"), device(enabled=False), device("YC-2")):
        assert take(frame(head=head), other).heard is None


@pytest.mark.parametrize(("command", "answer"), [("9015", b"9013"), ("1013", b"9013"), ("9021", b"9014")])
def test_housekeeping_is_answered_and_not_recorded(command: str, answer: bytes):
    taken = take(frame("", head=f"QN=1;CN={command};MN=YC-1;Flag=9", at=""))
    assert taken.admitted.rejected == taken.admitted.reports == ()
    assert b";CN=" + answer in taken.answers[0]


@pytest.mark.parametrize("command", ["2031", "2061", "2041"])
def test_statistics_are_kept_apart_but_answered(command: str):
    taken = take(frame("LA-Avg=50", head=f"QN=1;CN={command};MN=YC-1;Flag=5"))
    assert taken.admitted.reports == ()
    (letter,) = taken.admitted.rejected
    assert (letter.reason, letter.device) == (Reason.NOT_DATA, "YC-1")
    assert "not minute readings" in letter.detail
    assert letter.payload.endswith(b"&&" + letter.payload[-4:])
    assert len(taken.answers) == 1


@pytest.mark.parametrize(
    ("data", "known", "reason"),
    [
        (frame(), device("YC-2"), Reason.UNKNOWN_DEVICE),
        (frame(), device(enabled=False), Reason.UNKNOWN_DEVICE),
        (frame(), device(password="654321"), Reason.WRONG_PASSWORD),
        (frame(), device(vendor="acme"), Reason.UNKNOWN_FACTOR),
        (frame(head="QN=1;CN=2011;MN=;Flag=5"), device(), Reason.NO_DEVICE),
        (frame(at="DataTime=20260101130000;"), device(), Reason.FUTURE),
        (frame(at="DataTime=20240101130000;"), device(), Reason.TOO_OLD),
        (frame(at=""), device(), Reason.NO_TIME),
        (frame("x-Rtd=1"), device(), Reason.NO_READINGS),
        (frame("", at=""), device(), Reason.NO_READINGS),
        (frame("LA-Rtd=500"), device(), Reason.IMPLAUSIBLE),
        (frame("LA-Rtd=--"), device(), Reason.IMPLAUSIBLE),
    ],
)
def test_what_is_refused_for_good_is_recorded_and_answered(data: bytes, known: Device, reason: Reason):
    taken = take(data, known)
    assert taken.admitted.reports == ()
    assert reasons(taken) == [reason]
    assert len(taken.answers) == 1, "or the device would send it again for ever"


def test_the_right_password_and_vendor():
    taken = take(frame("a34001-Rtd=92300"), device(password="123456", vendor="ng"))
    assert taken.admitted.reports[0].readings == {"tsp": 92.3}


def test_hectopascal_is_refused_as_one_reading():
    taken = take(frame("LA-Rtd=50;a01006-Rtd=1013"))
    assert taken.admitted.reports[0].readings == {"noise": 50}
    (letter,) = taken.admitted.rejected
    assert (letter.reason, letter.scope, letter.factors) == (Reason.IMPLAUSIBLE, Scope.READING, ("pressure",))
    assert take(frame("a01006-Rtd=1013"), device(vendor="hpa")).admitted.reports[0].readings == {
        "pressure": 101.3
    }


def by_modbus() -> bytes:
    data = frame()[6:-6]
    return b"##%04d%b%04X\r\n" % (len(data), data, modbus(data))


def test_a_checksum_by_another_rule_is_named():
    (report,) = take(by_modbus()).admitted.reports
    assert report.raw == {"LA-Rtd": "50", "crc_rule": "modbus"}


@pytest.mark.parametrize(("allowed", "taken"), [({"standard"}, False), ({"standard", "modbus"}, True)])
def test_a_device_may_be_held_to_its_checksum(allowed: set[str], taken: bool):
    known = device(crc_rules=frozenset(allowed))
    assert take(frame(), known).admitted.reports
    other = take(by_modbus(), known)
    assert bool(other.admitted.reports) == bool(other.answers) == taken
    assert reasons(other) == ([] if taken else [Reason.BAD_CRC])


# Messages in parts ------------------------------------------------------------------------


def part(number: int, count: int, *, at: bool, body: str = "LA-Rtd=50", qn: str = "7") -> bytes:
    head = f"QN={qn};CN=2011;MN=YC-1;Flag=7;PNUM={count};PNO={number}"
    return frame(body, head=head, at="DataTime=20260101120000;" if at else "")


def test_parts_take_their_time_from_one_another_and_each_is_answered():
    door = Door(lambda: {"YC-1": device()})
    first = take(part(1, 2, at=True), door=door)
    second = take(part(2, 2, at=False, body="a34001-Rtd=9"), door=door)
    (noise,), (dust,) = first.admitted.reports, second.admitted.reports
    assert noise.at == dust.at
    assert (noise.readings, dust.readings) == ({"noise": 50}, {"tsp": 9})
    assert len(first.answers) == len(second.answers) == 1
    assert door.expire().rejected == ()


def test_a_part_before_its_time_is_held_unanswered():
    door = Door(lambda: {"YC-1": device()})
    early = take(part(2, 2, at=False, body="a34001-Rtd=9"), door=door)
    assert (early.admitted, early.answers) == (Admitted(), ())
    late = take(part(1, 2, at=True), door=door)
    assert [report.readings for report in late.admitted.reports] == [{"tsp": 9}, {"noise": 50}]
    assert len(late.answers) == 2


def test_what_is_refused_of_a_part_without_a_time_can_be_let_in_by_itself():
    door = Door(lambda: {"YC-1": device()})
    (stored,) = take(part(1, 2, at=True), door=door).admitted.reports
    hpa = part(2, 2, at=False, body="a34001-Rtd=9;a01006-Rtd=1013")
    (letter,) = take(hpa, door=door).admitted.rejected
    assert (letter.scope, letter.payload) == (Scope.READING, b"DataTime=20260101120000000" + hpa.rstrip())
    known = {"YC-1": device()}
    again = to_admitted(letter.payload, inbound(letter.payload), known, Bounds(), "YC-1")
    assert [one.payload for one in again.rejected] == [letter.payload]
    known = {"YC-1": device(vendor="hpa")}
    (report,) = to_admitted(letter.payload, inbound(letter.payload), known, Bounds(), "YC-1").reports
    assert (report.at, report.readings) == (stored.at, {"tsp": 9, "pressure": 101.3})


@pytest.mark.parametrize("text", [b"DataTime=20261301120000000", b"DataTime=2026", b"Hour"])
def test_other_text_in_front_of_a_part_tells_no_time(text: bytes):
    payload = text + part(1, 2, at=False)
    admitted = to_admitted(payload, inbound(payload), {"YC-1": device()}, Bounds(), "YC-1")
    assert [letter.reason for letter in admitted.rejected] == [Reason.MISSING_PACKET]


def test_a_part_that_never_comes_is_recorded():
    door = Door(lambda: {"YC-1": device()})
    take(part(1, 3, at=True), door=door)
    assert door.expire(NOW + timedelta(seconds=59)).rejected == ()
    (letter,) = door.expire(NOW + timedelta(seconds=60)).rejected
    assert (letter.reason, letter.device) == (Reason.MISSING_PACKET, "YC-1")
    assert letter.detail.endswith("never came: 2, 3")


def test_parts_without_any_time_are_recorded_with_their_bytes():
    door = Door(lambda: {"YC-1": device()})
    for number in (1, 2):
        take(part(number, 2, at=False), door=door)
    (letter,) = door.expire(None).rejected
    assert "none of 2 parts has a DataTime" in letter.detail
    assert letter.payload.count(b"##") == 2


def test_what_is_held_is_bounded():
    packets = Packets(max_messages=3, max_held=2)
    door = Door(lambda: {"YC-1": device()}, packets=packets)
    for number in range(10):
        take(part(1, 2, at=False, qn=str(number)), door=door)
        door.expire(NOW)
    assert len(packets._messages) <= 3
    assert packets._held <= 2


# MQTT payloads ----------------------------------------------------------------------------


def test_a_payload_of_frames():
    payload = frame() + frame("LA-Rtd=51", at="DataTime=20260101120100;") + b"rubbish"
    admitted = to_admitted(payload, inbound(payload), {"YC-1": device()}, Bounds(), "YC-1")
    assert [report.readings["noise"] for report in admitted.reports] == [50, 51]
    assert [report.source for report in admitted.reports] == [Source.MQTT_HJ212] * 2
    assert [(letter.reason, letter.payload) for letter in admitted.rejected] == [
        (Reason.NO_FRAME, b"rubbish")
    ]


@pytest.mark.parametrize(
    ("payload", "topic", "reason"),
    [
        (b"", "YC-1", Reason.EMPTY),
        (b"\r\n", "YC-1", Reason.EMPTY),
        (frame(), "YC-2", Reason.WRONG_DEVICE),
        (part(1, 2, at=False), "YC-1", Reason.MISSING_PACKET),
    ],
)
def test_refused_payloads(payload: bytes, topic: str, reason: Reason):
    admitted = to_admitted(payload, inbound(payload), {"YC-1": device()}, Bounds(), topic)
    assert admitted.reports == ()
    assert [letter.reason for letter in admitted.rejected] == [reason]


@given(st.binary(max_size=300))
def test_any_payload_becomes_reports_or_dead_letters(payload: bytes):
    admitted = to_admitted(payload, inbound(payload), {"YC-1": device()}, Bounds())
    assert admitted.reports == ()
    assert admitted.rejected


# Connections ------------------------------------------------------------------------------


def session() -> Session:
    return Session(Door(lambda: {"YC-1": device()}), "tcp://192.0.2.7:1")


def test_rubbish_is_hopeless_and_one_dead_letter():
    talk, letters, hopeless = session(), [], None
    for _ in range(200):
        outcome = talk.receive(b"\x00rubbish\r\n" * 5_000, NOW)
        letters += outcome.admitted.rejected
        if hopeless := outcome.hopeless:
            break
    assert hopeless is not None
    assert "without a good frame" in hopeless
    (letter,) = letters
    assert letter.reason is Reason.NO_FRAME
    assert len(letter.payload) == 4096


def test_heartbeats_between_frames_are_told_once_in_a_while():
    talk, letters = session(), []
    for minute in range(30):
        outcome = talk.receive(b"heart\r\nbeat\r\n" + frame(), NOW + timedelta(minutes=minute))
        assert outcome.hopeless is None
        letters += [one for one in outcome.admitted.rejected if one.reason is Reason.NO_FRAME]
    letters += talk.end(NOW + timedelta(minutes=30)).admitted.rejected
    assert [letter.detail[:15] for letter in letters if "more" in letter.detail] == ["9 more refusals"] * 3


def test_a_flood_of_bad_frames_is_told_in_few_letters():
    talk = session()
    outcome = talk.receive(frame()[:-6] + b"0000\r\n" + b"##0100 " * 9_000, NOW)
    outcome = talk.receive(b"##0100 " * 9_000, NOW) if outcome.hopeless is None else outcome
    assert outcome.hopeless
    assert len(outcome.admitted.rejected) <= 22


def test_a_bad_checksum_is_recorded_and_not_answered():
    outcome = session().receive(frame()[:-6] + b"0000\r\n", NOW)
    assert [letter.reason for letter in outcome.admitted.rejected] == [Reason.BAD_CRC]
    assert outcome.answers == b""


def test_a_last_frame_without_its_line_end_counts():
    talk = session()
    data = frame("LA-Rtd=50")
    assert talk.receive(data[:-10], NOW).frames == 0
    assert talk.receive(data[-10:-2], NOW).frames == 1
    assert talk.end(NOW).admitted.rejected == ()
