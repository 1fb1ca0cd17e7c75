from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import ConfigError
from ingest.hj212.answer import enclose
from ingest.hj212.command import (
    Addressee,
    Ending,
    Request,
    answered_qn,
    clock_error,
    instrument,
    make_up,
    reply,
    set_clock,
    set_interval,
)
from ingest.hj212.message import Message, parse

NOON = datetime(2026, 1, 1, 4, tzinfo=UTC)  # in China


def message(parameters: str, head: str = "QN=1;ST=91;CN=9011;PW=1;MN=YC-1;Flag=4") -> Message:
    return parse(f"{head};CP=&&{parameters}&&".encode())


def test_the_standards_own_example_of_a_request():
    asked = message("", "QN=1;ST=32;CN=2011;PW=100000;MN=010000A8900016F000169DC0;Flag=4")
    sent = Addressee.of(asked).frame(set_interval(timedelta(seconds=30)), "20160801085857223")
    assert sent == enclose(
        b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&"
    )
    assert sent.endswith(b"1C80\r\n")


@pytest.mark.parametrize(
    ("flag", "expected"), [("0", b"Flag=1"), ("4", b"Flag=5"), ("7", b"Flag=5"), ("8", b"Flag=9")]
)
def test_a_device_is_spoken_to_in_its_own_version(flag: str, expected: bytes):
    who = Addressee.of(message("", f"ST=39;CN=2011;MN=YC-1;Flag={flag}"))
    frame = who.frame(Request("1011", ""), "7")
    assert frame[6:-6] == b"QN=7;ST=39;CN=1011;MN=YC-1;%b;CP=&&&&" % expected


def test_a_chinese_mn_is_repeated_byte_for_byte():
    for encoding in ("utf-8", "gbk"):
        mn = "烟尘一号".encode(encoding)
        sent = Addressee.of(parse(b"QN=1;CN=2011;MN=" + mn + b";Flag=5;CP=&&&&")).frame(
            Request("1061", ""), "2"
        )
        assert b"MN=" + mn + b";" in sent


def test_parameters():
    assert set_clock(NOON) == Request("1012", "SystemTime=20260101120000")
    assert set_clock(NOON, "w01018") == Request("1012", "PolId=w01018;SystemTime=20260101120000")
    span = "BeginTime=20260101120000,EndTime=20260101130000"
    assert make_up(NOON, NOON + timedelta(hours=1)) == Request("2051", span)
    assert make_up(NOON, NOON + timedelta(hours=1), hours=True) == Request("2061", span)


@pytest.mark.parametrize("seconds", [0, 29, 3601])
def test_an_interval_that_the_standard_does_not_know(seconds: int):
    with pytest.raises(ConfigError, match="30 to 3600"):
        set_interval(timedelta(seconds=seconds))


def test_a_make_up_that_ends_before_it_begins():
    with pytest.raises(ConfigError, match="ends before"):
        make_up(NOON, NOON - timedelta(minutes=1))


@pytest.mark.parametrize(
    ("command", "parameters", "ending"),
    [
        ("9011", "QnRtn=1", None),
        ("9011", "QnRtn=3", Ending.REFUSED),
        ("9011", "QnRtn=77", Ending.REFUSED),
        ("9011", "", Ending.REFUSED),
        ("9012", "ExeRtn=1", Ending.DONE),
        ("9012", "ExeRtn=100", Ending.NO_DATA),
        ("9012", "ExeRtn=5", Ending.FAILED),
        ("9012", "ExeRtn=x", Ending.FAILED),
    ],
)
def test_what_a_device_says(command: str, parameters: str, ending: Ending | None):
    said = reply(message(parameters, f"QN=1;CN={command};MN=YC-1"))
    assert (said and said.ending) == ending


def test_whose_answer_it_is():
    assert answered_qn(message("QnRtn=1")) == "1"
    assert answered_qn(message("QN=20040516010101001;ExeRtn=1", "CN=9012;MN=YC-1")) == "20040516010101001"
    assert instrument(message("PolId=w01018")) == "w01018"
    assert instrument(message("")) == ""


@pytest.mark.parametrize(
    ("qn", "error"),
    [
        ("20260101120130000", timedelta(seconds=90)),
        ("20260101115900", timedelta(seconds=-60)),
        ("1", None),
        ("20261301120000000", None),
    ],
)
def test_how_far_a_clock_is_off(qn: str, error: timedelta | None):
    assert clock_error(message("", f"QN={qn};CN=2011;MN=YC-1"), NOON) == error
