"""Stored readings of many points, a span of time at a time, in columns.

COPY sends a message a row, which costs its reader more than judging it. So the server gathers each
point's readings of a factor into arrays, as it walks the primary key: one message is a point's day.

The format is described in PostgreSQL's manual under COPY and in the source of ``array_send``:
numbers are big-endian, each field and each element follows its length.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from struct import Struct
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.flags import NORMAL, SATURATED
from runtime.database import Pool, transaction

Int64s = npt.NDArray[np.int64]

_QUERY: Final = """
    COPY (
        SELECT point_id, factor, array_agg(at), array_agg(value),
               array_agg(at) FILTER (WHERE flag = %(saturated)s),
               array_agg(at) FILTER (WHERE flag <> %(normal)s AND flag <> %(saturated)s)
        FROM readings
        WHERE point_id = ANY(%(points)s::int4[]) AND factor = ANY(%(factors)s)
          AND at >= %(start)s AND at < %(end)s
        GROUP BY point_id, factor
    ) TO STDOUT (FORMAT BINARY)
"""
# The primary key has the readings of a group together and in order: nothing is kept but one group, and
# what is not asked for is not read. One process of the server is enough: others want to work too.
_MANNERS: Final = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"
    " SET LOCAL max_parallel_workers_per_gather = 0"
)

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\x00"
_FIELDS: Final = Struct(">h")
_LENGTH: Final = Struct(">i")
_DIMENSIONS: Final = 20  # number of them, nulls, element type, size, lower bound; four bytes each
_TIME: Final = np.dtype([("length", ">i4"), ("item", ">i8")])
_FIGURE: Final = np.dtype([("length", ">i4"), ("item", ">f8")])


@dataclass(frozen=True, slots=True)
class Series:
    """Readings of one factor at one point, in no order.

    Attributes:
        point: the monitoring point.
        factor: the factor.
        at_us: when measured, microseconds since 2000; each once.
        value: in the factor's unit, whatever the flag.
        saturated_us: those of the instants at which the sensor was over its range (flag T).
        doubtful_us: those with any other flag than N and T.
    """

    point: int
    factor: str
    at_us: Int64s
    value: npt.NDArray[np.float64]
    saturated_us: Int64s
    doubtful_us: Int64s


async def stored_readings(
    pool: Pool, points: Sequence[int], factors: Sequence[str], start: datetime, end: datetime
) -> AsyncIterator[Series]:
    """The readings of these points and factors measured in ``[start, end)``, in no order.

    Raises:
        Unavailable: the database is away.
    """
    words = {
        "points": list(points),
        "factors": list(factors),
        "start": start,
        "end": end,
        "normal": NORMAL,
        "saturated": SATURATED,
    }
    async with transaction(pool) as connection, connection.cursor() as cursor:
        await cursor.execute(_MANNERS)
        async with cursor.copy(_QUERY, words) as copy:
            async for message in copy:
                series = decode(bytes(message))
                if series is not None:
                    yield series


def decode(message: bytes) -> Series | None:
    """A row of the COPY; none where it is the trailer. The first one has the header before it."""
    place = 0
    if message.startswith(_SIGNATURE):
        flags_and_length = len(_SIGNATURE) + 4
        (extension,) = _LENGTH.unpack_from(message, flags_and_length)
        place = flags_and_length + 4 + extension
    if place == len(message) or _FIELDS.unpack_from(message, place)[0] < 0:
        return None
    point, factor, at, value, saturated, doubtful = _fields(message, place)
    return Series(
        _LENGTH.unpack(point)[0],
        factor.decode(),
        _array(at, _TIME).astype(np.int64),
        _array(value, _FIGURE).astype(np.float64),
        _array(saturated, _TIME).astype(np.int64),
        _array(doubtful, _TIME).astype(np.int64),
    )


def _fields(message: bytes, place: int) -> list[bytes]:
    """The fields of a row; a null is empty."""
    (count,) = _FIELDS.unpack_from(message, place)
    place += _FIELDS.size
    fields = []
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(message, place)
        place += _LENGTH.size
        fields.append(message[place : place + max(length, 0)])
        place += max(length, 0)
    return fields


def _array(field: bytes, element: np.dtype[np.void]) -> npt.NDArray[np.generic]:
    """The items of an array of fixed-width elements without nulls."""
    return np.frombuffer(field, element, offset=_DIMENSIONS if field else 0)["item"]
