"""``yanchen decode``: what frames or JSON reports say, one JSON line each."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, NoReturn

import msgspec
import typer

from domain.codec import decode_device_report, split_device_reports
from domain.errors import ConfigError, Reason, Rejected
from domain.instant import from_ms, iso
from ingest.hj212.decode import Decoded, decode_frame
from ingest.hj212.frame import Frame, Refused
from ingest.hj212.framer import Framer
from ingest.hj212.vendor_map import VendorMap, vendor_map

_SHOWN: Final = 2048

Line = dict[str, Any]


class Wire(StrEnum):
    """What the input is."""

    HJ212 = "hj212"
    JSON = "json"


def decode(
    file: Annotated[str, typer.Argument(help="File of frames or reports; - is standard input.")] = "-",
    protocol: Annotated[Wire, typer.Option(help="What the input is.")] = Wire.HJ212,
    vendor: Annotated[
        str | None, typer.Option(help="Vendor map: layers over the national codes, joined by +.")
    ] = None,
) -> None:
    """Decode HJ 212 frames or JSON reports: one JSON line each, refused ones too.

    HJ 212 input is raw frames, sticky or one per line, or JSON lines with a "frame" key, or
    both. Exit code 0: all decoded; 1: some were refused; 2: wrong use.
    """
    try:
        meanings = vendor_map(vendor)
        source: BinaryIO = sys.stdin.buffer if file == "-" else Path(file).open("rb")  # noqa: SIM115
    except ConfigError as error:
        _give_up(str(error))
    except OSError as error:
        _give_up(f"cannot read {file}: {error.strerror}")
    refused = False
    with closing(source):
        for line in decode_frames(source, meanings) if protocol is Wire.HJ212 else decode_reports(source):
            refused |= not line["ok"]
            print(msgspec.json.encode(line).decode())
    if refused:
        raise typer.Exit(1)


def decode_frames(lines: Iterable[bytes], meanings: VendorMap | None = None) -> Iterator[Line]:
    """One output line for each frame in lines of raw frames or of JSON with a ``frame`` key."""
    framer = Framer()
    for line in lines:
        wrapped = _wrapped(line)
        if wrapped is None:
            found = framer.feed(line)
        else:
            alone = Framer()
            found = [*framer.flush(), *alone.feed(wrapped), *alone.flush()]
            if not wrapped.strip():
                found.append(Refused(Reason.EMPTY, "the frame is empty", wrapped, len(wrapped)))
        yield from (_line(one, meanings) for one in found)
    yield from (_line(one, meanings) for one in framer.flush())


def decode_reports(lines: Iterable[bytes]) -> Iterator[Line]:
    """One output line for each report in lines of JSON as devices send it over MQTT."""
    for line in lines:
        if not line.strip():
            continue
        try:
            texts = split_device_reports(line)
        except Rejected as error:
            yield _refusal(error.reason, error.detail, line.rstrip(b"\r\n"))
            continue
        yield from map(_report_line, texts)


def _report_line(text: bytes) -> Line:
    try:
        report, strange = decode_device_report(text)
        at = from_ms(report.at) if isinstance(report.at, int) else report.at
        told = {"device": report.device, "at": iso(at), "seq": report.seq}
        line = {"ok": True, **told, "readings": report.readings, "flags": report.flags}
        return line | _unreadable(strange)
    except Rejected as error:
        return _refusal(error.reason, error.detail, text)
    except (OverflowError, ValueError) as error:
        return _refusal(Reason.INVALID_REPORT, f"the time is no instant: {error}", text)


def _unreadable(texts: Mapping[str, str]) -> Line:
    """Readings that are lost because their text is no number, where there are any."""
    return {"unreadable": texts} if texts else {}


def _wrapped(line: bytes) -> bytes | None:
    """The frame in a JSON line, or nothing if the line is not of that kind."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        frame = msgspec.json.decode(line, type=dict[str, Any]).get("frame")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(frame, str):
        return None
    try:
        return frame.encode("latin-1")  # as refused frames are printed
    except UnicodeEncodeError:
        return frame.encode("utf-8", "replace")


def _line(found: Frame | Refused, meanings: VendorMap | None) -> Line:
    if isinstance(found, Refused):
        return _refusal(found.reason, found.detail, found.raw)
    try:
        return _told(decode_frame(found, meanings))
    except Rejected as error:
        return _refusal(error.reason, error.detail, found.raw)


def _told(decoded: Decoded) -> Line:
    return {
        "ok": True,
        "device": decoded.device,
        "at": None if decoded.at is None else iso(decoded.at),
        "command": decoded.command,
        "protocol_version": decoded.message.protocol_version,
        "ack_wanted": decoded.message.ack_wanted,
        "crc": decoded.crc,
        "readings": decoded.readings,
        "raw": decoded.raw,
        "flags": decoded.flags,
    } | _unreadable(decoded.unreadable)


def _refusal(reason: Reason, detail: str, frame: bytes) -> Line:
    return {"ok": False, "reason": reason, "detail": detail, "frame": frame[:_SHOWN].decode("latin-1")}


def _give_up(sentence: str) -> NoReturn:
    print(f"yanchen decode: {sentence}", file=sys.stderr)
    raise typer.Exit(2)
