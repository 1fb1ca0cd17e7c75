"""What the examination says of good devices, and of each way to be wrong."""

import tomllib
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest

from app.conformance import broker, exam
from app.conformance.broker import Reader, broker_settings
from app.conformance.card import Card, Verdict
from app.conformance.exam import Exam
from app.conformance.expected import Expected
from app.conformance.line import Line
from app.conformance.platform_cases import ANSWER_ITEMS, Sender, cases
from app.conformance.summary import json_lines, text
from domain.errors import ConfigError
from domain.instant import CHINA
from ingest.hj212.answer import enclose
from ingest.hj212.frame import Frame
from ingest.hj212.framer import Framer
from ingest.hj212.key import items
from ingest.hj212.message import Message, parse
from runtime.mqtt import Message as Publication

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
MN = "010000A8900016F000169DC0"
BODY = "a34002-Rtd=57.0,a34002-Flag=N;LA-Rtd=50.1,LA-Flag=N"
WRONG = {Verdict.WARN, Verdict.FAIL}


def report(
    at: datetime = NOW, *, body: str = BODY, head: str | None = None, stamp: str | None = None
) -> bytes:
    local = at.astimezone(CHINA)
    header = head or f"QN={local:%Y%m%d%H%M%S}000;ST=39;CN=2011;PW=123456;MN={MN};Flag=5"
    return enclose(f"{header};CP=&&DataTime={stamp or f'{local:%Y%m%d%H%M%S}'};{body}&&".encode())


class Bench:
    """One device on one line, and its clock."""

    def __init__(self, expected: Expected | None = None) -> None:
        self.exams: dict[str, Exam] = {}
        self.expected = expected or Expected()
        self.line = Line("198.51.100.7:4711", self.exam_of)
        self.now = NOW

    def exam_of(self, device: str) -> Exam:
        return self.exams.setdefault(device, Exam(device, self.expected))

    def send(self, data: bytes, after: timedelta = timedelta(0)) -> list[Message]:
        self.now += after
        told = Framer().feed(self.line.receive(data, self.now))
        assert all(isinstance(found, Frame) for found in told)
        return [parse(found.data) for found in told if isinstance(found, Frame)]

    def card(self) -> Card:
        self.line.end()
        (only,) = self.exams.values()
        return only.end(self.now)


def verdicts(card: Card) -> dict[str, Verdict]:
    return {found.item: found.verdict for found in card.findings()}


def wrong(card: Card) -> dict[str, Verdict]:
    """Without the commands, to which a bench's device does not react."""
    commands = {"get_interval", "set_time", "set_interval"}
    return {
        item: verdict for item, verdict in verdicts(card).items() if verdict in WRONG and item not in commands
    }


def seen(card: Card, item: str) -> str:
    (found,) = [found for found in card.findings() if found.item == item]
    return found.seen


def reply(command: Message, cn: str, body: str) -> bytes:
    head = f"QN={command.qn};ST=91;CN={cn};PW=123456;MN={MN};Flag=4"
    return enclose(f"{head};CP=&&{body}&&".encode())


def test_a_good_device_passes_every_item():
    bench = Bench(Expected(device=MN, password="123456"))
    answer, *commands = bench.send(report())
    assert (answer.command, answer.qn) == ("9014", "20261121120000000")
    assert [command.command for command in commands] == ["1061", "1012"]
    get, set_time = commands
    bench.send(reply(get, "9011", "QnRtn=1") + reply(get, "1061", "RtdInterval=60"))
    bench.send(reply(get, "9012", "ExeRtn=1"))
    assert {key.code: value for key, value in items(set_time)} == {"SYSTEMTIME": "20261121120000"}
    bench.send(reply(set_time, "9011", "QnRtn=1") + reply(set_time, "9012", "ExeRtn=1"))
    minute = timedelta(minutes=1)
    withheld = report(NOW + minute)
    (set_interval,) = bench.send(withheld, minute)
    assert set_interval.command == "1062"
    bench.send(reply(set_interval, "9011", "QnRtn=1") + reply(set_interval, "9012", "ExeRtn=1"))
    (late,) = bench.send(withheld, timedelta(seconds=10))
    assert late.command == "9014"
    bench.send(report(NOW + 2 * minute), timedelta(seconds=50))
    assert set(verdicts(bench.card()).values()) == {Verdict.OK}


HEAD = f"QN=20261121120000000;ST=39;CN=2011;PW=123456;MN={MN};Flag=5"


@pytest.mark.parametrize(
    ("data", "item", "verdict", "told"),
    [
        (report().replace(b"##0", b"##1"), "length", Verdict.FAIL, "(unknown)"),
        (report().replace(b"57.0", b"58.0"), "crc", Verdict.FAIL, "no known rule"),
        (report()[:-2] + b"\n\n", "line_end", Verdict.FAIL, "after the checksum"),
        (b"Real" + report(), "bytes", Verdict.WARN, "b'Real'"),
        (b"AT+CSQ\r\n" + report(), "bytes", Verdict.FAIL, "no_frame"),
        (report(head=HEAD.replace("Flag", "FLAG")), "header_order", Verdict.FAIL, "FLAG"),
        (report(head=f"MN={MN};{HEAD.replace(f'MN={MN};', '')}"), "header_order", Verdict.FAIL, "MN;QN"),
        (report(head=HEAD.replace("QN=2026", "QN=")), "qn", Verdict.FAIL, "QN=1121"),
        (report(head=HEAD.replace("ST=39", "ST=101")), "st", Verdict.FAIL, "ST=101"),
        (report(head=HEAD.replace("ST=39", "ST=80")), "st", Verdict.WARN, "ST=80"),
        (report(head=HEAD.replace("CN=2011", "CN=2071")), "cn", Verdict.WARN, "CN=2071"),
        (report(head=HEAD.replace("123456", "654321")), "pw", Verdict.FAIL, "654321"),
        (report(head=HEAD.replace(MN, MN[:-1] + "1")), "mn", Verdict.FAIL, "not 0100"),
        (report(head=HEAD.replace("Flag=5", "Flag=7")), "flag", Verdict.FAIL, "missing"),
        (report(head=HEAD.replace("Flag=5", "Flag=4")), "flag", Verdict.WARN, "no answer"),
        (report(stamp="20261121120000123"), "datatime", Verdict.WARN, "123"),
        (report(stamp="20261121114500"), "datatime", Verdict.WARN, "900 s behind"),
        (report(stamp="20261121121500"), "datatime", Verdict.FAIL, "900 s ahead"),
        (report(stamp="yesterday"), "datatime", Verdict.FAIL, "yesterday"),
        (report(body=f"{BODY};XY1-Rtd=3"), "codes", Verdict.WARN, "XY1"),
        (report(body="XY1-Rtd=3,XY1-Flag=N"), "codes", Verdict.FAIL, "none is known"),
        (report(body="LA-Rtd=fifty,LA-Flag=N"), "values", Verdict.FAIL, "fifty"),
        (report(body="a01006-Rtd=1013,a01006-Flag=N"), "units", Verdict.FAIL, "1013 kPa"),
        (report(body="a34001-Rtd=178000,a34001-Flag=N"), "units", Verdict.FAIL, "178000"),
        (report(body="a34002-Rtd=75600,a34002-Flag=N"), "units", Verdict.WARN, "ng/m³?"),
        (report(body="a34001-Rtd=0.16,a34001-Flag=N"), "units", Verdict.WARN, "mg/m³?"),
        (report(body="LA-Rtd=50.1"), "value_flags", Verdict.WARN, "no -Flag: LA"),
        (report(body="LA-Rtd=50.1,LA-Flag=X"), "value_flags", Verdict.FAIL, "LA-Flag=X"),
    ],
)
def test_each_fault_is_told_at_its_item(data: bytes, item: str, verdict: Verdict, told: str):
    bench = Bench(Expected(device=MN, password="123456"))
    bench.send(data)
    if not bench.exams:
        bench.send(report(NOW + timedelta(seconds=30)))
    card = bench.card()
    assert verdicts(card)[item] is verdict, wrong(card)
    assert told in seen(card, item)
    assert set(wrong(card)) <= {item, "bytes"} or item in {"mn", "header_order"}


@pytest.mark.parametrize(
    "head",
    [
        f"QN=20261121120000000;ST=39;CN=2011;PW=123456;MN={MN};Flag=9",  # HJ 212-2025
        "QN=20261121120000000;ST=39;CN=2011;PW=123456;MN=88888880000001;Flag=1",  # HJ/T 212-2005
    ],
)
def test_every_version_of_the_standard_is_good(head: str):
    bench = Bench()
    bench.send(report(head=head))
    assert wrong(bench.card()) == {}


def test_a_device_that_does_not_send_again_fails_when_it_had_the_time():
    for rest, verdict in ((timedelta(seconds=30), Verdict.NOT_SEEN), (timedelta(minutes=2), Verdict.FAIL)):
        bench = Bench()
        bench.send(report())
        bench.send(report(NOW + timedelta(minutes=1)), timedelta(minutes=1))
        bench.now += rest
        assert verdicts(bench.card())["resend"] is verdict


def test_a_device_that_sends_again_on_a_new_connection_has_sent_again():
    bench = Bench()
    bench.send(report())
    withheld = report(NOW + timedelta(minutes=1))
    bench.send(withheld, timedelta(minutes=1))
    bench.line.end()
    bench.line = Line("198.51.100.7:4712", bench.exam_of)
    bench.send(withheld, timedelta(seconds=12))
    assert verdicts(bench.card())["resend"] is Verdict.OK


def test_a_device_that_does_not_take_its_answer_fails():
    bench = Bench()
    bench.send(report())
    bench.send(report(), timedelta(seconds=10))
    assert verdicts(bench.card())["accepts_answer"] is Verdict.FAIL


def test_a_command_that_is_refused_or_not_finished_is_told():
    bench = Bench()
    _, get, set_time = bench.send(report())
    bench.send(reply(get, "9011", "QnRtn=2") + reply(set_time, "9011", "QnRtn=1"))
    card = bench.card()
    assert (verdicts(card)["get_interval"], verdicts(card)["set_time"]) == (Verdict.FAIL, Verdict.WARN)
    assert seen(card, "set_time") == "CN=1012: 9011 came and 9012 did not"


def test_an_uneven_interval_is_told():
    bench = Bench()
    for minute in (0, 1, 2, 5, 6):
        bench.now = NOW + timedelta(minutes=minute)
        bench.send(report(bench.now))
    assert seen(bench.card(), "interval") == "usually 60 s, 1 of 4 steps differ"


def test_rubbish_alone_gets_a_card_under_its_address():
    bench = Bench()
    bench.send(b"GET / HTTP/1.1\r\n\r\n")
    card = bench.card()
    assert (card.subject, verdicts(card)["bytes"]) == ("198.51.100.7:4711", Verdict.FAIL)


# JSON over MQTT ----------------------------------------------------------------------------


def published(payload: bytes, *, topic: str = "yanchen/v1/d1/readings", **changes: object) -> Publication:
    told: dict[str, object] = {
        "topic": topic,
        "payload": payload,
        "retained": False,
        "received_at": NOW,
        "packet_id": 1,
        "connection": 1,
    }
    return Publication(**(told | changes))


def read(*messages: Publication) -> Card:
    reader = Reader("d1", Expected())
    for message in messages:
        reader.read(message)
    return reader.end()


GOOD = b'{"at": "2026-11-21T12:00:00+08:00", "seq": 7, "readings": {"oil_fume": 0.8}}'


def test_a_good_publisher_has_nothing_wrong():
    later = GOOD.replace(b"12:00:00", b"12:01:00").replace(b": 7", b": 8")
    card = read(
        published(b"online", topic="yanchen/v1/d1/status"),
        published(GOOD),
        published(later, received_at=NOW + timedelta(minutes=1)),
        published(report(), topic="yanchen/v1/d1/hj212"),
    )
    assert wrong(card) == {}
    assert verdicts(card)["crc"] is Verdict.OK


@pytest.mark.parametrize(
    ("message", "item", "verdict"),
    [
        (published(GOOD, packet_id=None), "qos", Verdict.FAIL),
        (published(GOOD, retained=True), "retained", Verdict.WARN),
        (published(GOOD, topic="yanchen/v1/d1/data"), "topic", Verdict.FAIL),
        (published(GOOD[:-1]), "json", Verdict.FAIL),
        (published(b"[]"), "json", Verdict.FAIL),
        (published(GOOD.replace(b"+08:00", b"")), "json", Verdict.FAIL),
        (published(GOOD.replace(b"12:00", b"20:00")), "at", Verdict.FAIL),
        (published(GOOD.replace(b"12:00", b"11:50")), "at", Verdict.WARN),
        (published(GOOD.replace(b'"seq": 7, ', b"")), "seq", Verdict.WARN),
        (published(GOOD.replace(b"oil_fume", b"oilFume")), "factors", Verdict.FAIL),
        (published(GOOD.replace(b"0.8", b"1e9")), "units", Verdict.FAIL),
        (published(GOOD.replace(b"0.8}", b'0.8}, "flags": {"oil_fume": "n"}')), "json_flags", Verdict.FAIL),
        (published(GOOD.replace(b'"seq"', b'"device": "d2", "seq"')), "device", Verdict.FAIL),
        (published(b"hello", topic="yanchen/v1/d1/status"), "status", Verdict.WARN),
        (published(b"##12", topic="yanchen/v1/d1/hj212"), "bytes", Verdict.FAIL),
    ],
)
def test_each_fault_of_a_publisher_is_told_at_its_item(message: Publication, item: str, verdict: Verdict):
    card = read(message)
    assert wrong(card) == {item: verdict}


def test_a_number_that_jumps_is_told():
    assert seen(read(published(GOOD), published(GOOD.replace(b": 7", b": 9"))), "seq") == "9 after 7"


@pytest.mark.parametrize("url", ["http://host", "mqtt://", "mqtt://host:port", "host:1883x"])
def test_a_wrong_broker_address_is_refused(url: str):
    with pytest.raises(ConfigError, match="mqtt://user"):
        broker_settings(url)


# Texts and cases ---------------------------------------------------------------------------


def test_every_item_has_its_texts_and_no_text_is_left_over():
    entries = tomllib.loads(files("app.conformance").joinpath("texts.toml").read_text("utf-8"))
    tried = [case.item for case in cases(Sender("d", "p", NOW))]
    items = {*exam.ITEMS, *broker.JSON_ITEMS, *tried, *ANSWER_ITEMS}
    wanted = {name for item in items for name in (item, f"{item}.clause", f"{item}.remedy")}
    assert set(entries) == wanted | {*Verdict, "nothing"}


def test_the_summary_tells_remedy_and_clause_in_both_languages():
    card = read(published(GOOD, packet_id=None))
    for lang, word in (("zh", "服务质量"), ("en", "quality of service")):
        lines = list(text([card], lang))
        place = next(number for number, line in enumerate(lines) if word in line)
        assert "✗" in lines[place]
        assert "QoS 1" in lines[place + 1]
    assert len(list(json_lines([card], "en"))) == len(card.findings())
    assert "--for" in next(text([], "en"))


def test_a_device_that_is_not_heard_is_told_so():
    card = Card("fume-001", ["json"])
    assert not card.heard
    assert "--for" in next(text([card], "en"))
    card.note("json", Verdict.OK)
    assert card.heard


def test_the_frames_for_a_platform_are_what_they_claim():
    tried = {case.item: case for case in cases(Sender(MN, "123456", NOW))}
    for item, case in tried.items():
        found = Framer().feed(b"".join(case.pieces))
        good = [one for one in found if isinstance(one, Frame)]
        assert all(one.crc_rule == "standard" for one in good)
        wanting = [parse(one.data).qn for one in good if parse(one.data).ack_wanted]
        assert wanting == list(case.answered), item
    assert parse(Framer().feed(tried["split_message"].pieces[1])[0].data).part == (2, 2)
