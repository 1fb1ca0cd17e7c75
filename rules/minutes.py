"""The minutes of one partition's devices: a ring of bits, and the extremes of each hour.

State is one row a device and does not grow with readings. Minutes and hours are counted from the
epoch; China's hours are the epoch's, because the zone is a whole number of hours away.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from rules.signals import REPORT, Bits, Floats, Heard
from rules.window import MINUTE_MS, Int64s

Rows = npt.NDArray[np.intp]

HOUR: Final = 60
NEVER: Final = -(2**40)
"""The minute of a report that never came."""


class Minutes:
    """What devices said, minute by minute, from ``begin`` on.

    Args:
        begin: first minute that is kept.
        span: minutes in the ring; a multiple of 60.
        extremes: figures whose extremes are kept for each hour; the delay comes last.

    Attributes:
        device: device index by row.
        begin: first minute that is kept.
    """

    def __init__(self, begin: int, span: int, extremes: int) -> None:
        self.begin = begin
        self.device: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._span: Final = span
        self._row_of: npt.NDArray[np.int64] = np.empty(0, np.int64)
        # A minute's devices lie together: reports of one time, and the minutes of one window, are near.
        self._bits: Bits = np.zeros((span, 0), np.uint32)
        self._low: Floats = np.full((extremes, span // HOUR, 0), np.inf)
        self._high: Floats = np.full((extremes, span // HOUR, 0), -np.inf)
        self._newest: Int64s = np.empty(0, np.int64)
        self._lapsed: Int64s = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self.device)

    def rows_of(self, device: npt.NDArray[np.integer]) -> Rows:
        """The rows of these devices, given out on first use."""
        size = int(device.max(initial=-1)) + 1
        if size > len(self._row_of):
            more = np.full(max(size, 2 * len(self._row_of)) - len(self._row_of), -1, np.int64)
            self._row_of = np.concatenate((self._row_of, more))
        rows: Rows = self._row_of[device]
        if (rows < 0).any():
            new = np.unique(device[rows < 0]).astype(np.int64)
            self._row_of[new] = len(self) + np.arange(len(new))
            self._grow(new)
            rows = self._row_of[device]
        return rows

    def _grow(self, new: npt.NDArray[np.int64]) -> None:
        self.device = np.concatenate((self.device, new))
        never = np.full(len(new), NEVER, np.int64)
        self._newest = np.concatenate((self._newest, never))
        self._lapsed = np.concatenate((self._lapsed, never))
        room = self._bits.shape[1]
        more = len(self.device) - room
        if more > 0:  # half as many again, so that growing does not cost each time
            more = max(more, room // 2)
            self._bits = np.concatenate((self._bits, np.zeros((self._span, more), np.uint32)), axis=1)
            shape = (*self._low.shape[:2], more)
            self._low = np.concatenate((self._low, np.full(shape, np.inf)), axis=2)
            self._high = np.concatenate((self._high, np.full(shape, -np.inf)), axis=2)

    def add(self, rows: Rows, heard: Heard) -> None:
        """Take reports, all of them within the ring; ``rows`` are theirs."""
        minute = heard.progress // MINUTE_MS
        room = self._bits.shape[1]
        np.bitwise_or.at(self._bits.reshape(-1), minute % self._span * room + rows, heard.bits)
        np.maximum.at(self._newest, rows, minute)
        hours = self._span // HOUR
        cell = minute // HOUR % hours * room + rows
        timed = np.flatnonzero(~np.isnan(heard.delay))
        for number, (index, value) in enumerate((*heard.figures, (timed, heard.delay[timed]))):
            np.minimum.at(self._low[number].reshape(-1), cell[index], value)
            np.maximum.at(self._high[number].reshape(-1), cell[index], value)

    def remember(self, heard: Mapping[int, int]) -> None:
        """Devices (by index) are known to have reported last in these minutes, before all that is kept."""
        device = np.fromiter(heard, np.int64, len(heard))
        minute = np.fromiter(heard.values(), np.int64, len(heard))
        rows = self.rows_of(device)
        self._newest[rows] = np.maximum(self._newest[rows], minute)
        self._lapsed[rows] = np.maximum(self._lapsed[rows], minute)

    def let_go(self, begin: int) -> None:
        """Forget the minutes before ``begin``, a whole number of hours or tens of minutes."""
        if begin <= self.begin:
            return
        columns = np.arange(self.begin, min(begin, self.begin + self._span))
        gone = (self._bits[columns % self._span, : len(self)] & np.uint32(REPORT)) != 0
        newest = columns[len(columns) - 1 - gone[::-1].argmax(axis=0)]
        self._lapsed = np.where(gone.any(axis=0), np.maximum(self._lapsed, newest), self._lapsed)
        self._bits[columns % self._span] = 0
        hours = self._span // HOUR
        over = np.arange(self.begin // HOUR, min(begin // HOUR, self.begin // HOUR + hours)) % hours
        self._low[:, over], self._high[:, over] = np.inf, -np.inf
        self.begin = begin

    def bits(self, rows: Rows, start: int, length: int) -> Bits:
        """Bits of the minutes from ``start``, a multiple of ``length``; shape (rows, length)."""
        if start < self.begin:
            return np.zeros((len(rows), length), np.uint32)
        first = start % self._span
        found: Bits = self._bits[first : first + length, rows].T
        return found

    def range(self, rows: Rows, number: int, start: int) -> tuple[Floats, Floats]:
        """Least and greatest of a figure in the hour that starts there; infinite where there is none."""
        hour = start // HOUR % (self._span // HOUR)
        return self._low[number, hour, rows], self._high[number, hour, rows]

    def heard_before(self, rows: Rows, end: int) -> Int64s:
        """The minute of the last report before ``end``; ``NEVER`` where none is known."""
        found = self._newest[rows].copy()
        later = np.flatnonzero(found >= end)
        for first in (end - 10, self.begin):  # nearly all have spoken in the last ten minutes
            columns = np.arange(max(first, self.begin), end)
            cells = self._bits[(columns % self._span)[:, None], rows[later]]
            spoke = (cells & np.uint32(REPORT)) != 0
            known = spoke.any(axis=0)
            if known.any():
                last = len(columns) - 1 - spoke[::-1, known].argmax(axis=0)
                found[later[known]] = columns[last]
            later = later[~known]
        lapsed = self._lapsed[rows[later]]
        found[later] = np.where(lapsed < end, lapsed, NEVER)
        return found
