import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.hj212.crc import RULES, checksum, crc212, identify, modbus
from ingest.hj212.length import length_rule

V1 = b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&"
V2 = (
    b"QN=20180531225849000;ST=31;CN=2011;PW=123456;MN=010000A8900016F018010001;Flag=5;CP=&&"
    b"DataTime=20180531225849;a34041-Rtd=0.00,a34041-Flag=N;SB7-RS=2;SB8-RS=2&&"
)
V3 = b"QN=20240601085857223;ST=32;CN=1011;PW=123456;MN=010000A8900016F000169DC0;Flag=9;CP=&&&&"
V4 = (
    b"QN=20160801085857223;ST=23;CN=2011;PW=123456;MN=010000A8900016F000169DC0;Flag=5;CP=&&"
    b"DataTime=20160801085857; LA-Rtd=50.1&&"
)


def as_printed_in_annex_a(data: bytes) -> int:
    register = 0xFFFF
    for byte in data:
        register = (register >> 8) ^ byte
        for _ in range(8):
            low = register & 1
            register >>= 1
            if low:
                register ^= 0xA001
    return register


@pytest.mark.parametrize(
    ("data", "standard", "other"),
    [(V1, 0x1C80, 0x0759), (V2, 0x9181, 0xA09C), (V3, 0x2200, 0xCCF4), (V4, 0x1E00, 0x25FB)],
)
def test_the_published_vectors(data: bytes, standard: int, other: int):
    assert crc212(data) == standard
    assert modbus(data) == other
    assert checksum(data) == b"%04X" % standard


@given(st.binary(max_size=100))
def test_eight_bytes_at_a_time_is_bit_by_bit(data: bytes):
    assert crc212(data) == as_printed_in_annex_a(data)


@given(st.binary(min_size=1, max_size=60), st.data())
def test_one_changed_byte_is_always_noticed(data: bytes, draw: st.DataObject):
    place = draw.draw(st.integers(0, len(data) - 1))
    byte = draw.draw(st.integers(0, 255).filter(lambda value: value != data[place]))
    assert crc212(data[:place] + bytes((byte,)) + data[place + 1 :]) != crc212(data)


@pytest.mark.parametrize(
    ("sent", "rule"),
    [
        (b"9181", "standard"),
        (b"A09C", "modbus"),
        (b"a09c", "modbus"),
        (b"8191", "standard-byteswapped"),
        (b"9CA0", "modbus-byteswapped"),
        (b"%04X" % modbus(V2, 0), "arc"),
        (b"9182", None),
        (b"918", None),
        (b"0000", None),
    ],
)
def test_each_algorithm_is_named(sent: bytes, rule: str | None):
    assert identify(V2, sent) == rule
    assert rule is None or rule in RULES


def test_lower_case_is_standard():
    assert identify(V1, b"1c80") == "standard"


def test_a_checksum_without_its_leading_zeros():
    data = next(d for n in range(1000) if crc212(d := b"QN=%d;CP=&&&&" % n) < 0x1000)
    assert identify(data, b"%X" % crc212(data)) == "standard-unpadded"


def test_over_the_list_before_the_closing_mark():
    closed = V2[:-2] + b";&&"
    sent = checksum(closed[:-2])
    assert identify(closed, sent, len(closed)) == "standard-without-end"
    assert identify(closed, sent, len(closed) + 1) is None, "the length is the second witness"
    assert identify(V2, checksum(V2[:-2]), len(V2)) is None, "and the closed list the third"


def test_before_spaces_were_put_in():
    spaced = V2.replace(b";MN", b" ;MN ")
    assert identify(spaced, checksum(V2), len(V2)) == "standard-without-spaces"
    assert identify(spaced, checksum(V2), len(spaced)) is None, "a length of the spaced text contradicts it"


@pytest.mark.parametrize(
    ("extra", "rule"),
    [
        (0, "exact"),
        (4, "with-crc"),
        (6, "with-crc-and-crlf"),
        (10, "with-header-and-crc"),
        (12, "whole-frame"),
        (3, "unknown"),
        (-3, "unknown"),
    ],
)
def test_ways_of_counting(extra: int, rule: str):
    assert length_rule(len(V1) + extra, V1) == rule


def test_counting_characters_and_lost_ends():
    text = "CP=&&i11001-Info=//门开了//&&"
    assert length_rule(len(text), text.encode()) == "characters"
    assert length_rule(len(text), text.encode("gbk")) == "characters"
    assert length_rule(len(V1), V1[:-2]) == "end-lost"
    assert length_rule(len(V1), V1.replace(b";", b" ;")) == "without-spaces"
