"""Readings as columns: the only form in which the engine touches them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.factors import FACTORS, Factor
from domain.flags import NORMAL, SATURATED
from domain.instant import to_ms
from domain.report import Report
from rules.limits import MICRO
from rules.window import Int64s

VALID: Final = 0
OVER_RANGE: Final = 1
NOT_VALID: Final = 2

NEVER: Final = int(np.iinfo(np.int64).max)
"""Beyond every time: the report does not say when it was received."""
Positions = npt.NDArray[np.intp]
"""Places in columns."""

_FLAGS: Final = {NORMAL: VALID, SATURATED: OVER_RANGE}


class DeviceIndex(dict[str, int]):
    """Device → small whole number, given out on first use.

    Attributes:
        names: the devices by their number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: Final[list[str]] = []

    def __missing__(self, device: str) -> int:
        self[device] = index = len(self.names)
        self.names.append(device)
        return index


@dataclass(frozen=True, slots=True)
class Rows:
    """Readings of one factor; all columns have the same length.

    Attributes:
        device: index of the device.
        at: when measured, epoch ms.
        micro: value in millionths of the factor's unit; 0 where not valid.
        flag: ``VALID``, ``OVER_RANGE`` or ``NOT_VALID``.
    """

    device: npt.NDArray[np.int32]
    at: Int64s
    micro: Int64s
    flag: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.at)

    def pick(self, which: npt.NDArray[np.bool_] | Positions) -> "Rows":
        """The rows of a mask, or in the order of an index."""
        return Rows(self.device[which], self.at[which], self.micro[which], self.flag[which])


def concat(chunks: Sequence[Rows]) -> Rows:
    """Chunks behind each other, in the order in which they were stored."""
    if len(chunks) == 1:
        return chunks[0]
    return Rows(
        np.concatenate([chunk.device for chunk in chunks] or [np.empty(0, np.int32)]),
        np.concatenate([chunk.at for chunk in chunks] or [np.empty(0, np.int64)]),
        np.concatenate([chunk.micro for chunk in chunks] or [np.empty(0, np.int64)]),
        np.concatenate([chunk.flag for chunk in chunks] or [np.empty(0, np.uint8)]),
    )


@dataclass(frozen=True, slots=True)
class Columns:
    """A batch of readings of any factors, in the order in which they were stored.

    Attributes:
        device: index of the device.
        at: when measured, epoch ms.
        progress: how far the reading's report may move the watermark, epoch ms: ``min(at, received_at)``.
        factor: index into ``FACTORS``, -1 where there is no such factor.
        value: in the factor's unit.
        flag: ``VALID``, ``OVER_RANGE`` or ``NOT_VALID``.
        received: when the reading's report was received, epoch ms, ``NEVER`` where it does not say;
            none says of no report.
    """

    device: npt.NDArray[np.int32]
    at: Int64s
    progress: Int64s
    factor: npt.NDArray[np.int8]
    value: npt.NDArray[np.float64]
    flag: npt.NDArray[np.uint8]
    received: Int64s | None = None

    def __len__(self) -> int:
        return len(self.at)

    def by_factor(self) -> Iterator[tuple[Factor, Positions]]:
        """Each factor and where its readings are, in stored order; what is no factor is passed over."""
        order = np.argsort(self.factor, kind="stable")
        ends = np.cumsum(np.bincount(self.factor + 1, minlength=len(FACTORS) + 1))
        for factor, begin, end in zip(FACTORS.values(), ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            if begin < end:
                yield factor, order[begin:end]

    def plausible(self, factor: Factor, where: Positions) -> Positions:
        """Without readings flagged N beyond their plausible range (NaN too): ingest refuses such."""
        value = self.value[where]
        with np.errstate(invalid="ignore"):
            fine = (value >= factor.low) & (value <= factor.high)
        if fine.all():
            return where
        kept: Positions = where[fine | (self.flag[where] != VALID)]
        return kept

    def rows(self, where: Positions) -> Rows:
        """Readings of one factor, with values as whole millionths."""
        flag, value = self.flag[where], self.value[where]
        if flag.any():
            value = np.where(flag == VALID, value, 0.0)
        return Rows(self.device[where], self.at[where], np.rint(value * MICRO).astype(np.int64), flag)


class _Codes(dict[str, int]):
    """Factor → its place in ``FACTORS``; -1 for what is none."""

    def __missing__(self, factor: str) -> int:
        return -1


CODES: Final[Mapping[str, int]] = _Codes({name: code for code, name in enumerate(FACTORS)})


def columns(reports: Sequence[Report], devices: DeviceIndex) -> Columns:
    """Take reports apart: one flat pass per column, then only arrays."""
    size = len(reports)
    at = np.fromiter(
        [one.at if isinstance(one.at, int) else to_ms(one.at) for one in reports], np.int64, size
    )
    device = np.fromiter(map(devices.__getitem__, [one.device for one in reports]), np.int32, size)
    readings = [one.readings for one in reports]
    counts = np.fromiter(map(len, readings), np.int64, size)
    factor = np.fromiter(map(CODES.__getitem__, chain.from_iterable(readings)), np.int8)
    value = np.fromiter(chain.from_iterable([one.values() for one in readings]), np.float64)
    received = _received(reports)
    progress = np.repeat(np.minimum(at, received), counts)
    flag = _flags(reports, counts)
    return Columns(
        np.repeat(device, counts),
        np.repeat(at, counts),
        progress,
        factor,
        value,
        flag,
        np.repeat(received, counts),
    )


def _received(reports: Sequence[Report]) -> Int64s:
    """When each report was received, epoch ms; ``NEVER`` where it does not say."""
    times = [one.received_at for one in reports]
    return np.fromiter([NEVER if time is None else to_ms(time) for time in times], np.int64, len(reports))


def _flags(reports: Sequence[Report], counts: Int64s) -> npt.NDArray[np.uint8]:
    """Nearly all readings are N: only reports with flags are looked into."""
    flags = np.zeros(int(counts.sum()), dtype=np.uint8)
    flagged = [number for number, one in enumerate(reports) if one.flags]
    ends = np.cumsum(counts)[flagged]
    for number, end in zip(flagged, ends.tolist(), strict=True):
        one = reports[number]
        letters = [_FLAGS.get(one.flags.get(name, NORMAL), NOT_VALID) for name in one.readings]
        flags[end - len(letters) : end] = letters
    return flags
