import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError, Reason, Rejected
from domain.factors import FACTORS
from ingest.hj212.decode import Decoded, decode_message, parse_time
from ingest.hj212.key import key
from ingest.hj212.message import parse
from ingest.hj212.vendor_map import vendor_map, vendors

HEAD = "QN=20260101120000123;ST=39;CN=2011;PW=123456;MN=YC-1;Flag=5;"
AT = "DataTime=20260101120000;"


def decoded(body: str, head: str = HEAD, vendor: str | None = None) -> Decoded:
    return decode_message(parse(f"{head}CP=&&{body}&&".encode()), "standard", vendor_map(vendor))


def readings(body: str, command: str = "2011", vendor: str | None = None) -> dict[str, float]:
    return decoded(AT + body, HEAD.replace("2011", command), vendor).readings


def test_a_report_as_the_standard_writes_it():
    report = decoded(AT + "a34001-Rtd=92,a34001-Flag=N;LA-Rtd=50.1,LA-Flag=D;a99999-Rtd=1")
    assert (report.device, report.command, report.message.protocol_version) == ("YC-1", "2011", "2017")
    assert report.message.ack_wanted
    assert report.at is not None
    assert report.at.isoformat() == "2026-01-01T12:00:00+08:00"
    assert report.readings == {"tsp": 92, "noise": 50.1}
    assert report.flags == {"tsp": "N", "noise": "D"}
    assert list(report.raw) == ["DataTime", "a34001-Rtd", "a34001-Flag", "LA-Rtd", "LA-Flag", "a99999-Rtd"]


@pytest.mark.parametrize(
    ("flag", "version", "ack"),
    [
        ("", "2005", False),
        ("Flag=1;", "2005", True),
        ("Flag=3;", "2005", True),
        ("Flag=4;", "2017", False),
        ("FLAG=7;", "2017", True),
        ("Flag=8;", "2025", False),
        ("Flag=9;", "2025", True),
        ("Flag= 5 ;", "2017", True),
        ("Flag=null;", "2005", False),
        ("Flag=x;", "2005", False),
        ("Flag=99999999999999;", "2005", False),
    ],
)
def test_the_bits_of_flag(flag: str, version: str, ack: bool):
    message = parse(f"CN=2011;MN=YC-1;{flag}CP=&&&&".encode())
    assert (message.protocol_version, message.ack_wanted) == (version, ack)


@pytest.mark.parametrize(
    "header",
    [
        "ST=22;CN=2011;QN=1;MN=YC-1;PW=;",
        "cn=2011;mn=YC-1;",
        " CN = 2011 ;PW=null; MN = YC-1 ;",
        "MN=YC-1;CN=2011;ST=101;RF=1;",
    ],
)
def test_headers_in_any_order_case_and_spacing(header: str):
    report = decoded(AT + "LA-Rtd=50", header)
    assert (report.device, report.command, report.readings) == ("YC-1", "2011", {"noise": 50})
    assert "PW" not in report.message.fields


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("LA-td=50.1,LA-Flag=N;", {"noise": 50.1}),
        ("LA-Rtd-Rtd=71.0,LA-Rtd-Flag=N", {"noise": 71}),
        ("LEQ-RTD=39.4,LEQ-FLAG=N;", {"noise": 39.4}),
        ("NOIS-Rtd=45.2,NOIS=N", {"noise": 45.2}),
        ("a21004- Rtd=1;a34002 -Rtd = 65.7 ,a34002-Flag=N ", {"pm10": 65.7}),
        ("A34004-RTD=+1e1", {"pm25": 10}),
        ("PM2.5-Rtd=3;tsp-rtd=4;Pm10-Rtd=5", {"pm25": 3, "tsp": 4, "pm10": 5}),
        ("a34001-Rtd=1;a34001-Rtd=2", {"tsp": 1}),
        ("l-Flag=N,a34001-Flag=N,a34001-Rtd=5", {"tsp": 5}),
        ("FANSTATUS=1;PURIFYSTATUS=0", {"fan_on": 1, "purifier_on": 0}),
        ("LA-Rtd=50;Leq-Rtd=60", {"noise": 50}),
        ("Leq-Rtd=60;LA-Rtd=", {"noise": 60}),
        ("a34041-ZsRtd=9;a34041-Cou=7;a34041-Max=8", {}),
        ("a34001-Avg=7,a34001-Min=1,a34001-Max=9", {"tsp": 7}),
        ("a34001-Avg=7,a34001-Rtd=8", {"tsp": 8}),
        (";;,,=;=5;&;a34001-Rtd=1;;", {"tsp": 1}),
        ("a01006-Rtd=1013", {"pressure": 1013}),
    ],
)
def test_oddities_of_the_field(body: str, expected: dict[str, float]):
    assert readings(body) == expected


def test_minutes_hours_and_days_take_the_mean():
    body = "a34001-Rtd=1,a34001-Avg=2,a34001-Min=0;Leq-Data=55;LMx-Data=70"
    for command in ("2051", "2061", "2031"):
        assert readings(body, command) == {"tsp": 2, "noise": 55, "noise_max": 70}
    assert readings("a34001-Rtd=1", "2051") == {"tsp": 1}


def test_a_flag_for_all():
    report = decoded(AT + "a01001-Rtd=19.3;a34002-Rtd=19,a34002-Flag=d;Flag=N")
    assert report.flags == {"temperature": "N", "pm10": "D"}


def test_what_should_be_a_number():
    report = decoded(AT + "LA-Rtd=--;a34001-Rtd=nan;a34002-Rtd=1_0;a34004-Rtd=1e999;a01001-Rtd=２０")
    assert report.readings == {}
    assert set(report.unreadable) == {"noise", "tsp", "pm10", "pm25", "temperature"}


@pytest.mark.parametrize(
    ("vendor", "body", "expected"),
    [
        (None, "a34001-Rtd=92", {"tsp": 92}),
        ("ng", "a34001-Rtd=92300", {"tsp": 92.3}),
        ("mg", "a34001-Rtd=0.160", {"tsp": 160}),
        ("hpa", "a01006-Rtd=1013.3", {"pressure": 101.33}),
        ("hpa+ng", "a01006-Rtd=1013;a34002-Rtd=5000", {"pressure": 101.3, "pm10": 5}),
        ("bokong", "a34041-Rtd=1;a01001-Rtd=2;a01002-Rtd=3", {"oil_fume": 1, "nmhc": 2, "fume_pm": 3}),
        ("osen", "LAMPBLACK-Rtd=1;PM-Rtd=2;NMHC-Rtd=3", {"oil_fume": 1, "fume_pm": 2, "nmhc": 3}),
    ],
)
def test_vendors_say_codes_and_units(vendor: str | None, body: str, expected: dict[str, float]):
    assert readings(body, vendor=vendor) == expected


def test_the_map_is_whole():
    for vendor in vendors():
        for meaning in vendor_map(vendor).values():
            assert meaning.factor in FACTORS
            assert meaning.scale > 0
    national = vendor_map()
    for factor in FACTORS.values():
        assert all(national[code.upper()].factor == factor.id for code in factor.hj212)
        assert any(meaning.factor == factor.id for meaning in national.values())


def test_an_unknown_vendor_is_a_configuration_error():
    with pytest.raises(ConfigError, match="no layer 'acme'"):
        vendor_map("acme+ng")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260101120000", "2026-01-01T12:00:00+08:00"),
        ("20260101120000123", "2026-01-01T12:00:00.123000+08:00"),
        ("2026010112000050", "2026-01-01T12:00:00.500000+08:00"),
        ("20260101 120000", "2026-01-01T12:00:00+08:00"),
        ("2026-01-01 12:00:00", "2026-01-01T12:00:00+08:00"),
    ],
)
def test_times(text: str, expected: str):
    assert parse_time(text).isoformat() == expected


@pytest.mark.parametrize(
    "text",
    ["", "2026", "20261301000000", "20260101246060", "201909262113836", "00010101000000", "２０２６" * 4],
)
def test_times_that_are_none(text: str):
    with pytest.raises(Rejected) as caught:
        parse_time(text)
    assert caught.value.reason is Reason.NO_TIME


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (f"CN=2011;MN=;CP=&&{AT}LA-Rtd=1&&", Reason.NO_DEVICE),
        (f"CN=2011;MN=null;CP=&&{AT}LA-Rtd=1&&", Reason.NO_DEVICE),
        ("CN=2011;MN=YC-1;CP=&&LA-Rtd=1&&", Reason.NO_TIME),
        ("CN=2011;MN=YC-1;CP=&&DataTime=;LA-Rtd=1&&", Reason.NO_TIME),
        ("MN=YC-1;CP=&&&&", Reason.MALFORMED_FRAME),
        ("SN=271909;DATETIME=20180904163444&&", Reason.MALFORMED_FRAME),
    ],
)
def test_refused(data: str, reason: Reason):
    with pytest.raises(Rejected) as caught:
        decode_message(parse(data.encode()), "standard")
    assert caught.value.reason is reason


@pytest.mark.parametrize("command", ["9014", "9011", "1011", "3012", "2012"])
def test_commands_without_data(command: str):
    report = decoded("QnRtn=1", HEAD.replace("2011", command))
    assert (report.at, report.readings, report.raw) == (None, {}, {"QnRtn": "1"})


def test_chinese_text_and_its_separators():
    for encoding in ("utf-8", "gbk"):
        data = f"CN=3020;MN=YC-1;CP=&&{AT}i11001-Info=//门开了;关了,好//;a21026-i22004-Info=1&&".encode(
            encoding
        )
        message = parse(data)
        assert key(message.names[1]) == ("i11001-Info", "I11001", "Info")
        assert message.texts[1] == "//门开了;关了,好//"
        assert key(message.names[2]).code == "A21026-I22004"


def test_parts():
    head = HEAD.replace("Flag=5;", "Flag=7;PNO=2;PNUM=0003;")
    assert decoded("LA-Rtd=50", head).message.part == (2, 3), "and a part needs no time of its own"
    assert decoded(AT, HEAD.replace("Flag=5", "Flag=7")).message.part is None


@given(st.binary(max_size=400))
def test_any_data_is_decoded_or_refused(data: bytes):
    try:
        report = decode_message(parse(b"CN=2011;MN=1;CP=&&" + data + b"&&"), "standard")
    except Rejected:
        return
    assert json.dumps(report.readings, allow_nan=False)


@given(st.binary(max_size=200))
def test_any_header_is_parsed_or_refused(data: bytes):
    try:
        decode_message(parse(data), "standard")
    except Rejected as error:
        assert error.reason in {Reason.MALFORMED_FRAME, Reason.NO_DEVICE, Reason.NO_TIME}


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda at: at.year > 1995))
def test_times_are_local(at: datetime):
    read = parse_time(at.strftime("%Y%m%d%H%M%S"))
    assert read.astimezone(UTC) == at.replace(microsecond=0) - timedelta(hours=8)
