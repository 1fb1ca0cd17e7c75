"""Rows in PostgreSQL's binary COPY format, packed by us, a column at a time.

psycopg's ``write_row`` is awaited for every row. The format is described in PostgreSQL's manual
under COPY: numbers are big-endian, each field follows its length, a timestamp is microseconds since
2000. Rows of one factor have one length, so that a numpy array of that layout is a piece of the COPY
already.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, compress
from struct import Struct
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from domain.report import Report
from ingest.arrival import Arrivals

REPORTS: Final = "point_id, at, received_at, shape, seq, source, raw"
"""Columns of ``reports``: int4, timestamptz, timestamptz, int8, int8, text, jsonb."""
READINGS: Final = "point_id, factor, at, value, flag, received_at"
"""Columns of ``readings``: int4, text, timestamptz, float8, "char", timestamptz."""

Buffer = bytes | memoryview

BEGIN: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
END: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_JSONB: Final = b"\x01"  # the only version of its binary form

_SEQ: Final = Struct(">iq")
_INT4, _INT8, _FLOAT8, _CHAR = ">i4", ">i8", ">f8", "S1"


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A batch's rows of both tables, of which any reports can be had.

    Attributes:
        reports: one row a report.
        readings: for each factor its rows, and whose report's number each is; by number.
    """

    reports: list[bytes]
    readings: list[tuple[npt.NDArray[np.void], npt.NDArray[np.intp]]]

    def of_reports(self, which: npt.NDArray[np.bool_]) -> Iterator[Buffer]:
        """The rows of some reports."""
        yield b"".join(compress(self.reports, which.tolist()))

    def of_readings(self, which: npt.NDArray[np.bool_]) -> Iterator[Buffer]:
        """The rows of their readings, in pieces: factor by factor, each by point and time."""
        for rows, line in self.readings:
            mine = which[line]
            yield (rows if mine.all() else rows[mine]).view(np.uint8).data


def pack(batch: Arrivals) -> Rows:
    """Pack the rows of a batch."""
    return Rows(_reports(batch), _readings(batch))


def _readings(batch: Arrivals) -> list[tuple[npt.NDArray[np.void], npt.NDArray[np.intp]]]:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(chain.from_iterable(batch.layouts)))}
    line, factor = _places(batch, numbers)
    value = np.fromiter(chain.from_iterable(one.readings.values() for one in batch.report), float, len(line))
    flag = _flags(batch.report, len(line))
    found = []
    for name, number in numbers.items():
        mine = np.flatnonzero(factor == number)
        found.append((_of_factor(name, batch, line[mine], value[mine], flag[mine]), line[mine]))
    return found


def _places(batch: Arrivals, numbers: Mapping[str, int]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Whose report's number and which factor's each reading is, in the order of reports and readings."""
    size = np.array([len(factors) for factors in batch.layouts], np.intp)[batch.layout]
    begin = np.cumsum(size) - size
    factor = np.empty(int(size.sum()), np.intp)
    for layout, factors in enumerate(batch.layouts):
        mine = begin[batch.layout == layout]
        for place, name in enumerate(factors):
            factor[mine + place] = numbers[name]
    return np.repeat(np.arange(len(batch)), size), factor


def _flags(reports: Sequence[Report], size: int) -> npt.NDArray[np.bytes_]:
    """The flag of each reading, in the order of reports and readings."""
    if not any(one.flags for one in reports):
        return np.full(size, b"N")
    return np.array([one.flags.get(name, "N").encode() for one in reports for name in one.readings], "S1")


def _of_factor(
    factor: str,
    batch: Arrivals,
    line: npt.NDArray[np.intp],
    value: npt.NDArray[np.float64],
    flag: npt.NDArray[np.bytes_],
) -> npt.NDArray[np.void]:
    name = factor.encode()
    kinds = {
        "point": _INT4,
        "factor": f"S{len(name)}",
        "at": _INT8,
        "value": _FLOAT8,
        "flag": _CHAR,
        "received": _INT8,
    }
    rows = _table(kinds, len(line))
    rows["point"], rows["at"], rows["received"] = (
        column[line] for column in (batch.point, batch.at_us, batch.received_us)
    )
    rows["factor"], rows["value"], rows["flag"] = name, value, flag
    return rows


def _reports(batch: Arrivals) -> list[bytes]:
    rows = _table({"point": _INT4, "at": _INT8, "received": _INT8, "shape": _INT8}, len(batch), more=3)
    rows["point"], rows["at"], rows["received"] = batch.point, batch.at_us, batch.received_us
    rows["shape"] = batch.shape
    data, width = rows.tobytes(), rows.itemsize
    heads = (data[begin : begin + width] for begin in range(0, len(data), width))
    return [head + _rest(one) for head, one in zip(heads, batch.report, strict=True)]


def _rest(report: Report) -> bytes:
    """The fields of a report's row that may be null: seq, source, raw."""
    seq = _NULL if report.seq is None else _SEQ.pack(8, report.seq)
    source = _NULL if report.source is None else _text(report.source)
    return seq + source + (_raw(report.raw) if report.raw else _NULL)


@lru_cache
def _text(said: str) -> bytes:
    return len(said).to_bytes(4, "big") + said.encode()


def _raw(raw: dict[str, str]) -> bytes:
    data = _JSONB + msgspec.json.encode(raw)
    return len(data).to_bytes(4, "big") + data


def _table(kinds: Mapping[str, str], size: int, more: int = 0) -> npt.NDArray[np.void]:
    """Rows of fields of these kinds, with the lengths in place.

    Args:
        kinds: column → how numpy calls its type.
        size: number of rows.
        more: fields that follow and have no fixed length.
    """
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in kinds.items():
        layout += [(f"{name} length", _INT4), (name, kind)]
    rows = np.empty(size, np.dtype(layout))
    rows["fields"] = len(kinds) + more
    for name, kind in kinds.items():
        rows[f"{name} length"] = np.dtype(kind).itemsize
    return rows
