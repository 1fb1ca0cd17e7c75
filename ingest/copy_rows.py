"""Rows in PostgreSQL's binary COPY format, packed by us.

Pure, so that it can be done ahead and in a thread; psycopg's ``write_row`` is awaited for every row.
The format is described in PostgreSQL's manual under COPY: numbers are big-endian, each field follows its
length, a timestamp is microseconds since 2000.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct
from typing import Final

import msgspec

from domain.report import Report

_BEGIN: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_END: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
_JSONB: Final = b"\x01"  # the only version of its binary form
_LENGTH: Final = Struct(">i")
_REPORT: Final = Struct(">hiiiq")
_INT8: Final = Struct(">iq")

REPORTS: Final = "point_id, at, seq, received_at, source, raw"
"""Columns of ``pack_report``: int4, timestamptz, int8, timestamptz, text, jsonb."""
READINGS: Final = "point_id, factor, at, value, flag, received_at"
"""Columns of ``pack_readings``: int4, text, timestamptz, float8, "char", timestamptz."""


def to_us(at: datetime) -> int:
    """Microseconds since 2000, as PostgreSQL counts."""
    return (at - _EPOCH) // _US


def from_us(at_us: int) -> datetime:
    """The instant of microseconds since 2000."""
    return _EPOCH + at_us * _US


def stream(rows: Iterable[bytes]) -> bytes:
    """Packed rows as a whole COPY."""
    return b"".join((_BEGIN, *rows, _END))


def pack_report(point: int, at_us: int, report: Report) -> bytes:
    """The row of a report."""
    received = at_us if report.received_at is None else to_us(report.received_at)
    raw = _JSONB + msgspec.json.encode(report.raw) if report.raw else None
    return b"".join(
        (
            _REPORT.pack(6, 4, point, 8, at_us),
            _NULL if report.seq is None else _INT8.pack(8, report.seq),
            _INT8.pack(8, received),
            _text(report.source.encode() if report.source else None),
            _text(raw),
        )
    )


def pack_readings(point: int, at_us: int, report: Report) -> bytes:
    """The rows of a report's readings, one after the other."""
    received = at_us if report.received_at is None else to_us(report.received_at)
    factors = tuple(report.readings)
    pack, names = _rows(factors)
    fields: list[object] = []
    for name, factor in zip(names, factors, strict=True):
        flag = report.flags.get(factor, "N").encode()
        value = report.readings[factor]
        fields += (6, 4, point, len(name), name, 8, at_us, 8, value, 1, flag, 8, received)
    return pack(*fields)


@lru_cache(maxsize=4096)
def _rows(factors: tuple[str, ...]) -> tuple[Callable[..., bytes], tuple[bytes, ...]]:
    """What packs the rows of these factors at once, and their names."""
    names = tuple(factor.encode() for factor in factors)
    return Struct(">" + "".join(f"hiii{len(name)}siqidiciq" for name in names)).pack, names


def _text(data: bytes | None) -> bytes:
    return _NULL if data is None else _LENGTH.pack(len(data)) + data
