"""The reports of a batch as columns: what the writer sorts, counts and packs without a loop.

Instants are microseconds since 2000, as PostgreSQL counts them.
"""

from collections.abc import Iterable, Mapping, Sequence
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
        device: its device's number in ``devices``.
        point: the monitoring point.
        at_us: when it was measured.
        received_us: when the door saw it; when it was measured, if nobody noted that.
        layout: the number in ``layouts`` of its factors in their order.
        devices: the batch's devices.
        layouts: the batch's tuples of factors.
    """

    report: list[Report]
    partition: Int32s
    device: Int32s
    point: Int32s
    at_us: Int64s
    received_us: Int64s
    layout: Int32s
    devices: list[str]
    layouts: list[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.report)

    @property
    def shape(self) -> Int64s:
        """Which factors each report has, see ``shape``."""
        return np.array([shape(factors) for factors in self.layouts], np.int64)[self.layout]


def arrivals(records: Iterable[Record], reports: Sequence[Report], points: Mapping[str, int]) -> Arrivals:
    """Columns of reports and their records, given in order of arrival.

    Args:
        records: where the reports lie in the log.
        reports: what they say.
        points: device → its monitoring point.
    """
    devices: dict[str, int] = {}
    layouts: dict[tuple[str, ...], int] = {}
    size = len(reports)
    device = _ints((devices.setdefault(one.device, len(devices)) for one in reports), size)
    layout = _ints((layouts.setdefault(tuple(one.readings), len(layouts)) for one in reports), size)
    at_us = np.fromiter((to_us(one.instant) for one in reports), np.int64, size)
    received = (to_us(one.received_at or one.instant) for one in reports)
    point = _ints((points[name] for name in devices), len(devices))[device]
    order = np.lexsort((at_us, point))  # stable
    return Arrivals(
        [reports[line] for line in order.tolist()],
        _ints((record.partition for record in records), size)[order],
        device[order],
        point[order],
        at_us[order],
        np.fromiter(received, np.int64, size)[order],
        layout[order],
        list(devices),
        list(layouts),
    )


def _ints(numbers: Iterable[int], size: int) -> Int32s:
    return np.fromiter(numbers, np.int32, size)
