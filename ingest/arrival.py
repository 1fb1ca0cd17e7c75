"""The reports of a batch as columns: what the writer sorts, counts and packs without a loop.

Instants are microseconds since 2000, as PostgreSQL counts them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.report import Report
from runtime.kafka import Record

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
HOUR_US: Final = 3_600_000_000

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


def to_us(at: datetime) -> int:
    """Microseconds since 2000."""
    return (at - _EPOCH) // _US


def from_us(at_us: int) -> datetime:
    """The instant of microseconds since 2000."""
    return _EPOCH + at_us * _US


@lru_cache(maxsize=4096)
def shape(factors: tuple[str, ...]) -> int:
    """A number of 63 bits for a set of factors, the same in any order and in every process."""
    names = "\0".join(sorted(factors)).encode()
    return int.from_bytes(blake2b(names, digest_size=8).digest(), "big") >> 1


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Reports of devices in the register, one a line, by point and time; equal ones in order of arrival.

    Attributes:
        report: the report itself.
        partition: where its record lies in the log.
        point: the monitoring point.
        at_us: when it was measured.
        received_us: when the door saw it; when it was measured, if nobody noted that.
        shape: which factors it has, see ``shape``.
    """

    report: list[Report]
    partition: Int32s
    point: Int32s
    at_us: Int64s
    received_us: Int64s
    shape: Int64s

    def __len__(self) -> int:
        return len(self.report)


def arrivals(records: Iterable[Record], reports: Sequence[Report], points: Iterable[int]) -> Arrivals:
    """Columns of reports, their records and their points, given in order of arrival."""
    size = len(reports)
    at_us = np.fromiter((to_us(one.instant) for one in reports), np.int64, size)
    point = np.fromiter(points, np.int32, size)
    received = (to_us(one.received_at or one.instant) for one in reports)
    order = np.lexsort((at_us, point))  # stable
    return Arrivals(
        [reports[line] for line in order.tolist()],
        np.fromiter((record.partition for record in records), np.int32, size)[order],
        point[order],
        at_us[order],
        np.fromiter(received, np.int64, size)[order],
        np.fromiter((shape(tuple(one.readings)) for one in reports), np.int64, size)[order],
    )
