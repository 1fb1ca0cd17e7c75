import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.errors import Reason
from ingest.hj212.answer import enclose
from ingest.hj212.crc import checksum
from ingest.hj212.frame import KEPT_BYTES, Frame, Refused
from ingest.hj212.framer import Framer

FRAMES = Path(__file__).parents[3] / "shared" / "data" / "hj212_frames.jsonl"
DATA = b"QN=20260101120000000;ST=39;CN=2011;PW=123456;MN=YC-1;Flag=5;CP=&&DataTime=20260101120000;LA-Rtd=5&&"
GOOD = enclose(DATA)


def frames(data: bytes, **settings: int) -> list[Frame | Refused]:
    framer = Framer(**settings)
    return [*framer.feed(data), *framer.flush()]


def byte_by_byte(data: bytes, **settings: int) -> list[Frame | Refused]:
    framer = Framer(**settings)
    found = [one for byte in data for one in framer.feed(bytes((byte,)))]
    return [*found, *framer.flush()]


def outcomes(data: bytes) -> list[str]:
    return [one.crc_rule if isinstance(one, Frame) else one.reason for one in frames(data)]


def test_a_frame_is_known_before_its_line_ends():
    (frame,) = Framer().feed(GOOD[:-2])
    assert isinstance(frame, Frame)
    assert (frame.data, frame.declared, frame.length_rule) == (DATA, len(DATA), "exact")
    assert (frame.crc, frame.crc_rule, frame.prefix) == (checksum(DATA), "standard", b"")
    assert frame.raw + b"\r\n" == GOOD


@pytest.mark.parametrize("between", [b"", b"\r\n", b"\n", b"  ", b"\\r\\n", b"\0\0", b"\r\n\r\n \n"])
def test_sticky_frames_and_what_may_stand_between(between: bytes):
    stream = between.join([GOOD.strip()] * 3) + between
    assert outcomes(stream) == ["standard"] * 3


def test_half_packets():
    framer = Framer()
    assert framer.feed(GOOD[:40]) == []
    assert len(framer.feed(GOOD[40:] + GOOD[:3])) == 1
    assert len(framer.feed(GOOD[3:])) == 1
    assert framer.flush() == []


def test_text_in_front_is_kept_beside_the_frame():
    (frame,) = frames(b"2026-01-01 12:00:00 recv Real" + GOOD)
    assert isinstance(frame, Frame)
    assert frame.prefix.endswith(b"recv Real")


@pytest.mark.parametrize(
    ("length", "rule"),
    [
        (b"%d" % len(DATA), "exact"),
        (b"%05d" % len(DATA), "exact"),
        (b"%04d" % (len(DATA) + 6), "with-crc-and-crlf"),
        (b"9999", "unknown"),
        (b"0001", "unknown"),
    ],
)
def test_a_right_checksum_outweighs_a_wrong_length(length: bytes, rule: str):
    (frame,) = frames(b"##" + length + DATA + checksum(DATA))
    assert isinstance(frame, Frame)
    assert frame.length_rule == rule


def test_short_frames_with_unpadded_lengths():
    data = b"ST=91;CN=9014;MN=YC-1;CP=&&&&"
    assert outcomes(b"##29" + data + checksum(data) + b"\r\n") == ["standard"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"hello", Reason.NO_FRAME),
        (b"MN=123456;DataTime=20190312113200001;a34041-Rtd=100;", Reason.NO_FRAME),
        (b"##", Reason.INCOMPLETE),
        (b"##0158", Reason.INCOMPLETE),
        (GOOD[:60], Reason.INCOMPLETE),
        (GOOD[:-6], Reason.INCOMPLETE),
        (GOOD[:-6] + b"?A", Reason.BAD_CRC),
        (GOOD[:-6] + b"0000\r\n", Reason.BAD_CRC),
        (b"##" + DATA + checksum(DATA), Reason.BAD_LENGTH),
        (b"##0158" + b"x" * 9000, Reason.TOO_LARGE),
    ],
)
def test_why_bytes_are_no_frame(data: bytes, reason: Reason):
    (refused,) = frames(data)
    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert refused.size == len(data.rstrip(b"\r\n"))
    assert refused.detail
    assert outcomes(data + b"\r\n" + GOOD) == [reason, "standard"], "the next frame is found"


def test_an_encrypted_body_is_refused_by_name():
    (refused,) = frames(b"##0295QN=1;CN=2011;MN=YC-1;Flag=9;CP=&&{0xE4,0x3E,0x02}a34001-Rtd=1&&1234\r\n")
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.BAD_CRC
    assert "SM4" in refused.detail


def test_a_cut_frame_does_not_swallow_the_next():
    assert outcomes(GOOD[:50] + GOOD + GOOD[:50] + b"\n" + GOOD) == [
        Reason.INCOMPLETE,
        "standard",
        Reason.INCOMPLETE,
        "standard",
    ]


def test_a_frame_that_lost_its_end():
    data = DATA[:-2]
    assert outcomes(b"##%04d" % len(DATA) + data + checksum(data) + b"\n" + GOOD) == ["standard"] * 2


def test_marks_within_the_data_are_no_end():
    data = b"QN=1;CN=2011;MN=YC-1;CP=&&a=1&&abcd;b=2&&"
    assert outcomes(enclose(data)) == ["standard"]


def test_unframed_lines_are_told_apart_until_they_are_many():
    assert len(frames(b"MN=1;a=2\r\n" * 3)) == 3
    assert len(frames(b"MN=1;a=2\r\n" * 1000)) == 33
    (one,) = frames(b"MN=1;a=2\r\n" * 1000, lines_apart=0)
    assert isinstance(one, Refused)
    assert len(one.raw) == KEPT_BYTES


RUBBISH = {
    "random": lambda: random.Random(212).randbytes(10_000_000),
    "letters": lambda: b"x" * 10_000_000,
    "hashes": lambda: b"#" * 10_000_000,
    "digits": lambda: b"##" + b"1" * 10_000_000,
    "ends": lambda: b"##0100CP=&&" + b"&&0" * 3_300_000,
    "line feeds": lambda: b"a\n" * 5_000_000,
}


@pytest.mark.parametrize("make", RUBBISH.values(), ids=RUBBISH.keys())
def test_ten_megabytes_of_rubbish_end_as_few_refusals_and_a_good_frame(make: Callable[[], bytes]):
    rubbish = make()
    framer = Framer()
    found: list[Frame | Refused] = []
    for start in range(0, len(rubbish), 65_536):
        found += framer.feed(rubbish[start : start + 65_536])
        assert len(framer._buffer) < 32_768
    found += framer.feed(b"\r\n" + GOOD)
    assert len(found) < 100
    assert isinstance(found[-1], Frame)


PIECES = st.sampled_from(
    [
        *(b"#", b"##", b"&", b"&&", b"0158", b"12", b"9", b"CP=", b"CP=&&", b"\r", b"\n", b" ", b"\\r\\n"),
        *(b"QN=1;", b"ABCD", b"F", b"x" * 70, GOOD, GOOD[:-2], GOOD[:40], GOOD[40:], b"\xff\0", b"=;,-"),
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good stream with a few bytes changed, put in or left out."""
    stream = bytearray(GOOD * draw(st.integers(1, 3)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(stream)))
        stop = start + draw(st.integers(0, 3))
        stream[start:stop] = draw(st.one_of(PIECES, st.binary(max_size=3)))
    return bytes(stream)


STREAMS = st.one_of(st.lists(PIECES, max_size=25).map(b"".join), st.binary(max_size=300), damaged())


@given(STREAMS, st.sampled_from([64, 100, 300, 8192]), st.sampled_from([0, 1, 32]))
@example(b"##01588" * 20, 64, 32)
@example(GOOD[:-2] + b"A" + GOOD, 8192, 0)
def test_fed_whole_or_byte_by_byte_is_the_same(data: bytes, max_bytes: int, lines_apart: int):
    settings = {"max_bytes": max_bytes, "lines_apart": lines_apart}
    assert frames(data, **settings) == byte_by_byte(data, **settings)


@given(STREAMS)
def test_nothing_is_counted_twice(data: bytes):
    sizes = (len(one.raw) if isinstance(one, Frame) else one.size for one in frames(data))
    assert sum(sizes) <= len(data)


EXPECTED = {
    "standard": {"standard"},
    "standard-lowercase": {"standard"},
    "modbus": {"modbus"},
    "modbus-byteswapped": {"modbus-byteswapped"},
    "standard-byteswapped": {"standard-byteswapped"},
    "crc16-arc": {"arc"},
    "standard-after-removing-spaces(len 297)": {"standard-without-spaces"},
    "standard-over-segment-without-final-&&": {"standard-without-end"},
    "mismatch": {Reason.BAD_CRC},
    "none": {Reason.BAD_CRC, Reason.INCOMPLETE},
    "unframed": {Reason.NO_FRAME},
}


@pytest.mark.skipif(not FRAMES.exists(), reason=f"the collected frames are not at {FRAMES}")
def test_the_collected_frames():
    for number, line in enumerate(FRAMES.read_text(encoding="utf-8").splitlines(), 1):
        sample = json.loads(line)
        (outcome,) = outcomes(sample["frame"].encode())
        assert outcome in EXPECTED[sample["crc_kind"]], f"frame {number}"
