"""The stream: the same seed gives the same bytes, and every fault is as recorded."""

import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import msgspec
import pytest

from domain.codec import decode_device_report, split_device_reports
from domain.errors import ConfigError, Rejected
from domain.factors import FACTORS
from domain.instant import CHINA, from_ms, to_ms
from domain.report import DeviceReport
from domain.site import Protocol
from domain.topics import Channel, parse_mqtt_topic
from simulators import hj212_frame
from simulators.block import FaultKind
from simulators.city import build_city
from simulators.faults import FaultRecord
from simulators.plan import SCENARIOS, scenario_named
from simulators.publication import Outcome, Publication
from simulators.stream import generate

SEED = 5
START = datetime(2026, 11, 21, 11, tzinfo=CHINA)
CITY = build_city(SEED)
DEMO = SCENARIOS["demo"]


def reports_of(publication: Publication) -> list[DeviceReport]:
    return [decode_device_report(text)[0] for text in split_device_reports(publication.payload)]


@pytest.fixture(scope="module")
def records() -> list[FaultRecord]:
    return []


@pytest.fixture(scope="module")
def span(records: list[FaultRecord]) -> list[Publication]:
    found = generate(
        CITY, DEMO, START, START + timedelta(hours=3), SEED, observe=lambda _, new: records.extend(new)
    )
    return list(found)


def reference_crc(data: bytes) -> int:
    """HJ 212-2017 annex A as the standard words it: shift, add the byte, eight steps."""
    register = 0xFFFF
    for byte in data:
        register = (register >> 8) ^ byte
        for _ in range(8):
            carry = register & 1
            register >>= 1
            if carry:
                register ^= 0xA001
    return register


def test_the_same_seed_and_start_give_the_same_bytes(span: list[Publication]) -> None:
    assert list(generate(CITY, DEMO, START, START + timedelta(hours=3), SEED)) == span
    other = generate(build_city(6), DEMO, START, START + timedelta(hours=3), 6)
    assert [p.payload for p in other] != [p.payload for p in span]


def test_behaviour_does_not_depend_on_when_the_simulation_began(span: list[Publication]) -> None:
    later = START + timedelta(hours=1, minutes=10)
    values = {(r.device, r.at_ms): r.values for p in span for r in p.reports}
    joined = [r for p in generate(CITY, DEMO, later, later + timedelta(minutes=20), SEED) for r in p.reports]
    assert joined
    assert all(values[r.device, r.at_ms] == r.values for r in joined)


def test_publications_come_in_order_and_in_their_span(span: list[Publication]) -> None:
    times = [p.at_publish_ms for p in span]
    assert times == sorted(times)
    assert to_ms(START) <= times[0]
    assert times[-1] < to_ms(START + timedelta(hours=3))


def test_reports_of_a_minute_are_spread_over_its_seconds(span: list[Publication]) -> None:
    seconds = {p.at_publish_ms // 1000 % 60 for p in span[:80]}
    assert len(seconds) > 20


def test_without_faults_every_device_reports_every_minute() -> None:
    found = list(generate(CITY, SCENARIOS["clean"], START, START + timedelta(minutes=30), SEED))
    counts = Counter(p.device for p in found)
    assert set(counts.values()) == {30}
    assert len(counts) == 80
    assert all(p.outcome is Outcome.STORED and not p.faults for p in found)


def test_every_kind_of_fault_occurs_in_one_hour(records: list[FaultRecord], span: list[Publication]) -> None:
    assert span
    end = to_ms(START) + 3_600_000
    kinds = {record.fault for record in records if record.first_ms < end}
    assert kinds == {kind.label for kind in FaultKind} - {"none"}


def test_what_is_published_is_what_was_recorded(records: list[FaultRecord], span: list[Publication]) -> None:
    recorded: Counter[str] = Counter()
    for record in records:
        recorded[record.fault] += record.reports
    published: Counter[str] = Counter()
    for publication in span:
        for fault in publication.faults:
            published[fault] += len(publication.reports)
    lost = recorded.pop("lost")
    assert published == recorded
    extra = recorded["doubled"] + recorded["unknown_device"]
    assert sum(len(p.reports) for p in span) == 80 * 180 - lost + extra


def test_lost_reports_are_never_published_and_leave_no_gap_in_seq(
    records: list[FaultRecord], span: list[Publication]
) -> None:
    published = {(r.device, r.at_ms) for p in span for r in p.reports}
    for record in records:
        if record.fault == "lost":
            ats = range(record.first_ms, record.last_ms + 1, 60_000)
            assert not any((record.device, at) in published for at in ats)
    numbers: dict[str, list[int]] = defaultdict(list)
    for publication in span:
        if publication.outcome is Outcome.DUPLICATE or "unknown_device" in publication.faults:
            continue
        for report in publication.reports:
            if report.seq is not None:
                numbers[report.device].append(report.seq)
    assert len(numbers) == 48
    for sent in numbers.values():
        assert sent == list(range(1, len(sent) + 1))


def test_a_backlog_is_one_list_that_comes_with_its_last_report(span: list[Publication]) -> None:
    backlogs = [p for p in span if "late" in p.faults and p.door is Protocol.MQTT]
    assert backlogs
    for publication in backlogs:
        decoded = reports_of(publication)
        assert 3 <= len(decoded) == len(publication.reports) <= 9
        assert [to_ms(r.at) for r in decoded] == [r.at_ms for r in publication.reports]  # type: ignore[arg-type]
        assert 0 < publication.at_publish_ms - publication.reports[-1].at_ms < 3000


def test_a_doubled_report_goes_out_twice_with_the_same_bytes(span: list[Publication]) -> None:
    again = [p for p in span if p.outcome is Outcome.DUPLICATE]
    firsts = {p.payload: p for p in span if p.outcome is Outcome.STORED}
    assert again
    for publication in again:
        first = firsts[publication.payload]
        assert first.reports == publication.reports
        assert first.at_publish_ms < publication.at_publish_ms


def test_json_payloads_say_what_the_publication_says(span: list[Publication]) -> None:
    for publication in span:
        if publication.door is not Protocol.MQTT or set(publication.faults) & {"corrupt", "cut"}:
            continue
        assert parse_mqtt_topic(publication.topic) == (publication.device, Channel.READINGS)
        for decoded, held in zip(reports_of(publication), publication.reports, strict=True):
            assert decoded.at == from_ms(held.at_ms)
            assert decoded.seq == held.seq
            assert decoded.readings == held.readings()
            assert decoded.flags == held.flags


def test_broken_json_cannot_be_decoded(span: list[Publication]) -> None:
    broken = [p for p in span if p.door is Protocol.MQTT and set(p.faults) & {"corrupt", "cut"}]
    assert {fault for p in broken for fault in p.faults} == {"corrupt", "cut"}
    for publication in broken:
        with pytest.raises(Rejected):
            reports_of(publication)


def test_frames_have_the_right_length_and_crc(span: list[Publication]) -> None:
    frames = [p for p in span if p.door is Protocol.HJ212]
    assert len(frames) > 5000
    for publication in frames[:3000]:
        payload = publication.payload
        if "cut" in publication.faults:
            assert not payload.endswith(b"\r\n")
            continue
        length = int(payload[2:6])
        data, rest = payload[6 : 6 + length], payload[6 + length :]
        assert payload.startswith(b"##")
        assert data.endswith(b"&&")
        assert length <= 1024
        right = rest == b"%04X\r\n" % reference_crc(data)
        assert right == ("corrupt" not in publication.faults)


def test_the_published_vectors_of_the_crc() -> None:
    head = b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;"
    vector = head + b"CP=&&RtdInterval=30&&"
    assert hj212_frame.crc(vector) == 0x1C80
    messages = [vector, b"", b"a", vector[:50]]
    assert hj212_frame.crc_many(messages) == [reference_crc(message) for message in messages]
    assert hj212_frame.crc_many([]) == []


def test_a_frame_says_what_the_publication_says(span: list[Publication]) -> None:
    passwords = {m.device: m.password for m in CITY.monitors}
    names = set()
    for publication in [p for p in span if p.door is Protocol.HJ212 and not p.faults][:500]:
        (held,) = publication.reports
        text = publication.payload[6:-6].decode()
        head, _, items = text.partition(";CP=&&")
        fields = dict(field.split("=") for field in head.split(";"))
        assert fields["MN"] == publication.device
        assert fields["PW"] == passwords[publication.device]
        assert (fields["CN"], fields["Flag"]) == ("2011", "5")
        first, *groups = items.removesuffix("&&").split(";")
        assert first == f"DataTime={from_ms(held.at_ms):%Y%m%d%H%M%S}"
        values = [float(group.split(",")[0].split("=")[1]) for group in groups]
        assert values == list(held.values)
        assert (publication.device, fields["QN"]) not in names
        names.add((publication.device, fields["QN"]))


def test_out_of_range_readings_are_implausible_and_the_rest_is_not(span: list[Publication]) -> None:
    odd = [p for p in span if "out_of_range" in p.faults]
    assert odd
    for publication in odd:
        (held,) = publication.reports
        refused = [name for name, value in held.readings().items() if not FACTORS[name].plausible(value)]
        assert len(refused) == 1


def test_a_future_clock_is_a_day_ahead_and_a_stranger_is_not_in_the_register(span: list[Publication]) -> None:
    known = {m.device for m in CITY.monitors}
    ahead = [p for p in span if "future_clock" in p.faults]
    assert ahead
    assert all(p.reports[0].at_ms - p.at_publish_ms > 80_000_000 for p in ahead)
    strangers = [p for p in span if "unknown_device" in p.faults]
    assert {p.door for p in strangers} == set(Protocol)
    assert all(p.device not in known and p.outcome is Outcome.REJECTED for p in strangers)
    assert all(p.device in known for p in span if "unknown_device" not in p.faults)


def test_flag_letters_are_on_the_wire(span: list[Publication]) -> None:
    flagged = [p for p in span if "flagged" in p.faults]
    letters = {flag for p in flagged for r in p.reports for flag in r.flags.values()}
    assert letters == {"D", "M", "T"}
    for publication in flagged:
        (held,) = publication.reports
        letter = next(iter(held.flags.values()))
        if publication.door is Protocol.MQTT:
            assert json.loads(publication.payload)["flags"] == held.flags
        else:
            assert f"-Flag={letter}".encode() in publication.payload


def test_an_endless_stream_goes_over_the_hour() -> None:
    stream = generate(CITY, DEMO, START + timedelta(minutes=58), None, SEED)
    found = [next(stream) for _ in range(400)]
    assert found[-1].at_publish_ms > to_ms(START + timedelta(minutes=61))


def test_an_unknown_scenario_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="demo"):
        scenario_named("nowhere")


def test_fault_records_are_json_lines(records: list[FaultRecord], span: list[Publication]) -> None:
    assert span
    assert json.loads(msgspec.json.encode(records[0]))["truth"] == "fault"
