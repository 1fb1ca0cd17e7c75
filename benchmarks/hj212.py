"""HJ 212 frames per second of one core, beside plain parsing, in one process and one run.

    python -m benchmarks.hj212 [frames]

Figures are medians of seven rounds, in processor time because the machine may be shared. A frame
has 334 bytes: DataTime and eight factors with flags. *Session* is all that a connection does
without I/O: framing, CRC, reading, units, admission, and the answer 9014. The baseline is what is
written in an afternoon: cut at the line end, CRC by a table, split, float; it knows no register,
time, unit or flag, accepts what is perfect only, and answers nothing.

Then: what does not fit the plan (odd frames), and the cost of a byte as the input grows.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from domain.site import Device, Protocol, Site, SiteKind
from ingest.hj212.answer import enclose
from ingest.hj212.crc import crc212, modbus
from ingest.hj212.door import Door
from ingest.hj212.framer import Framer
from ingest.hj212.session import Session

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW = START + timedelta(hours=9)
DEVICES = 100
ROUNDS = 7
CODES = ("a34041", "a34000", "a24088", "a01001", "a01002", "ga2001", "ga0601", "LA")
SITE = Site(site="s", kind=SiteKind.RESTAURANT, area="500103")
REGISTER = {
    name: Device(device=name, point_id=number, site=SITE, protocol=Protocol.HJ212, password="123456")
    for number, name in enumerate(f"010000A8900016F0{number:08d}" for number in range(DEVICES))
}


def data(number: int) -> str:
    """The data segment of a report; every sixtieth carries a flag that is not N."""
    name = f"010000A8900016F0{number % DEVICES:08d}"
    at = START + timedelta(minutes=number // DEVICES % 600)
    values = ((number * 7 + place * 13) % 400 / 100 for place in range(len(CODES)))
    letter = "T" if number % 60 == 0 else "N"
    items = ";".join(
        f"{code}-Rtd={value + 20:.2f},{code}-Flag={letter}" for code, value in zip(CODES, values, strict=True)
    )
    head = f"QN={at:%Y%m%d%H%M%S}{number % 1000:03d};ST=31;CN=2011;PW=123456;MN={name};Flag=5"
    return f"{head};CP=&&DataTime={at + timedelta(hours=8):%Y%m%d%H%M%S};{items}&&"


def session(frames: list[bytes]) -> int:
    """A connection for each device; each read holds one frame."""
    door = Door(lambda: REGISTER)
    talks = [Session(door, f"tcp://192.0.2.7:{number}") for number in range(DEVICES)]
    done = 0
    for number, frame in enumerate(frames):
        outcome = talks[number % DEVICES].receive(frame, NOW)
        done += len(outcome.admitted.reports)
        assert outcome.answers
    return done


def framing(frames: list[bytes]) -> int:
    framer = Framer()
    return sum(len(framer.feed(frame)) for frame in frames)


def checksums(frames: list[bytes]) -> int:
    return sum(crc212(frame[6:-6]) == int(frame[-6:-2], 16) for frame in frames)


TABLE = tuple(modbus(bytes((byte,)), 0) for byte in range(256))


def plain(frames: list[bytes]) -> int:
    """The baseline."""
    done = 0
    for frame in frames:
        segment = frame.rstrip()[6:-4]
        register = 0xFFFF
        for byte in segment:
            register = TABLE[(register >> 8) ^ byte]
        if register != int(frame.rstrip()[-4:], 16):
            continue
        head, _, body = segment.decode().partition("CP=&&")
        fields = dict(part.split("=") for part in head.split(";") if part)
        items = dict(part.split("=") for part in body[:-2].replace(",", ";").split(";"))
        readings = {key: float(text) for key, text in items.items() if key.endswith("-Rtd")}
        done += bool(readings and fields["MN"])
    return done


def median_time(work: Callable[[], int], count: int, rounds: int = ROUNDS) -> float:
    took = []
    for _ in range(rounds):
        gc.collect()
        started = time.process_time()
        assert work() == count
        took.append(time.process_time() - started)
    return statistics.median(took)


def tell(name: str, frames: list[bytes], work: Callable[[list[bytes]], int]) -> None:
    took = median_time(lambda: work(frames), len(frames))
    each = took / len(frames)
    print(f"{name:44} {1 / each:9.0f} frames/s  {each * 1e6:7.1f} µs a frame")


def odd(frames: list[bytes]) -> dict[str, list[bytes]]:
    """The same frames as devices of other makers would send them."""
    bodies = [frame[6:-6] for frame in frames]
    return {
        "CRC is Modbus": [b"##%04d%b%04X\r\n" % (len(body), body, modbus(body)) for body in bodies],
        "length counts CRC and CR LF": [
            b"##%04d%b%04X\r\n" % (len(body) + 6, body, crc212(body)) for body in bodies
        ],
        "keys with spaces": [enclose(body.replace(b"-Rtd", b" -Rtd")) for body in bodies],
        "a text in front": [b"recv: " + frame for frame in frames],
    }


def growth() -> None:
    """Cost of a byte in streams that make a naive framer read the same bytes again and again."""
    print("\ncost as the work grows, ns a byte:  200 kB   400 kB   800 kB  1600 kB")
    frame = enclose(data(1).encode())
    for pattern in (frame, b"##0100 ", b"##12a&&1234", b"##0100CP=&&", b"&&0", b"a\n"):
        costs = []
        for size in (200_000, 400_000, 800_000, 1_600_000):
            stream = pattern * (size // len(pattern))
            costs.append(median_time(lambda stream=stream: Framer().feed(stream) is None, 0, 3) / size)
        shown = "  ".join(f"{cost * 1e9:7.0f}" for cost in costs)
        print(f"  {pattern[:24]!r:34} {shown}")


def main(count: int = 10_000) -> None:
    frames = [enclose(data(number).encode()) for number in range(count)]
    print(f"{count} frames of {statistics.median(map(len, frames)):.0f} bytes, {len(CODES)} factors")
    gc.freeze()
    tell("baseline: line, table CRC, split, float", frames, plain)
    tell("session: all without I/O", frames, session)
    tell("  of it: framing and CRC", frames, framing)
    tell("  of it: CRC", frames, checksums)
    for name, sent in odd(frames).items():
        tell(f"session, {name}", sent, session)
    growth()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
