"""A lane: the readings of one factor, one partition, for one window length and statistic.

State of a window of a device, by the partition's watermark alone:

    open ──(watermark ≥ end + grace)──▶ closed ──(watermark ≥ end + lateness)──▶ released

open: readings are appended. closed: judged; a reading appends and marks it dirty, to be judged
again. released: its readings are gone; the engine turns further ones away before they come here.
A device is judged in every window from its first reading's to its last's, so a new reading may
also make windows without any reading (gaps) due that closed long ago.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from rules.columns import Rows, concat
from rules.judged import Judged
from rules.limits import LaneKey, Limit
from rules.packed import PackedRows, packed
from rules.window import Int64s, window_start

_NEVER: Final = 2**61  # beyond every instant, and far from overflow when a window is added


class Pairs(NamedTuple):
    """Windows of devices that must be judged: parallel columns, sorted by device, then start."""

    device: npt.NDArray[np.int64]
    start: Int64s

    def __len__(self) -> int:
        return len(self.start)


_NONE: Final = Pairs(np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(slots=True)
class Kept:
    """A closed window that is not released yet.

    Attributes:
        chunks: its readings; the first chunk is sorted and without repeats.
        told: limit → what was handed out last.
    """

    chunks: list[PackedRows] = field(default_factory=list)
    told: dict[Limit, Judged] = field(default_factory=dict)


class Lane:
    """Readings and windows of one ``LaneKey`` in one partition."""

    def __init__(self, key: LaneKey) -> None:
        self.key: Final = key
        self.closed_until = -_NEVER
        self.kept: Final[dict[int, Kept]] = {}
        self._open: list[Rows] = []
        self._dirty: list[Pairs] = []
        self._first = np.empty(0, np.int64)
        self._last = np.empty(0, np.int64)
        self._remembered = np.empty(0, np.bool_)

    @property
    def last_start(self) -> int:
        """Start of the latest window that holds a reading."""
        return int(self._last.max(initial=-_NEVER))

    def accept(self, rows: Rows) -> None:
        """Take readings, none of them of a released window."""
        start = window_start(rows.at, self.key.window_ms)
        self._extend(rows.device, start)
        if start.min() >= self.closed_until:
            self._open.append(rows)
            return
        closed = start < self.closed_until
        self._open.append(rows.pick(~closed))
        late, start = rows.pick(closed), start[closed]
        self._hold(late, start)
        self._dirty.append(Pairs(late.device.astype(np.int64), start))

    def reopen(self, start_ms: int, devices: Int64s) -> None:
        """Mark windows of these devices dirty: something but their readings has changed."""
        self._dirty.append(Pairs(devices, np.full(len(devices), start_ms, np.int64)))

    def overtaken(self, device: npt.NDArray[np.int32], start: Int64s) -> None:
        """Released windows whose readings came too late are due without them, and the gaps beside them.

        Of a device that was judged before this engine's life only those after its last window: nobody
        here can tell what was said of earlier ones.
        """
        self._grow(int(device.max(initial=-1)) + 1)
        due = ~self._remembered[device] | (start > self._last[device])
        self._extend(device[due], start[due])

    def seen_at(self, start_ms: int) -> list[int]:
        """Devices that are judged in a window."""
        seen: list[int] = np.flatnonzero((self._first <= start_ms) & (start_ms <= self._last)).tolist()
        return seen

    def remember(self, device: int, start_ms: int) -> None:
        """A device is known to have had a window there, from before this engine's life."""
        self._grow(device + 1)
        self._first[device] = min(self._first[device], start_ms)
        self._last[device] = max(self._last[device], start_ms)
        self._remembered[device] = True

    def take_dirty(self) -> tuple[Pairs, Rows]:
        """Closed windows to judge again, with their readings; none are dirty afterwards."""
        if not self._dirty:
            return _NONE, concat([])
        pairs = _unique(self._dirty)
        self._dirty.clear()
        chunks = []
        for start in np.unique(pairs.start).tolist():
            kept = self.kept.get(start)
            if kept and kept.chunks:
                wanted = np.zeros(len(self._first), np.bool_)
                wanted[pairs.device[pairs.start == start]] = True
                rows = concat([chunk.unpacked() for chunk in kept.chunks])
                chunks.append(rows.pick(wanted[rows.device]))
        return pairs, concat(chunks)

    def close(self, until: int) -> tuple[Pairs, Rows]:
        """Close all windows that start before an aligned instant.

        Returns:
            The windows of devices that are due, gaps included, and the readings in them.
        """
        due = np.flatnonzero(self._first <= self._last)
        first = np.maximum(self._first[due], self.closed_until)
        pairs = _expand(
            due, first, np.minimum(self._last[due], until - self.key.window_ms), self.key.window_ms
        )
        rows = concat(self._open)
        ready = window_start(rows.at, self.key.window_ms) < until
        self._open = [] if ready.all() else [rows.pick(~ready)]
        self.closed_until = until
        return pairs, rows.pick(ready)

    def keep(self, rows: Rows, released_until: int) -> None:
        """Hold the sorted readings of windows just closed until they are released."""
        start = window_start(rows.at, self.key.window_ms)
        held = start >= released_until
        if held.all():
            self._hold(rows, start)
        else:
            self._hold(rows.pick(held), start[held])

    def _hold(self, rows: Rows, start: Int64s) -> None:
        """Pack readings away by the starts of their windows."""
        if len(rows) and start.min() == start.max():
            self.kept.setdefault(int(start[0]), Kept()).chunks.append(packed(rows))
            return
        for value in np.unique(start).tolist():
            self.kept.setdefault(value, Kept()).chunks.append(packed(rows.pick(start == value)))

    def release(self, until: int) -> list[Judged]:
        """Forget closed windows that start before an aligned instant; what they had handed out."""
        told: list[Judged] = []
        for start in sorted(start for start in self.kept if start < until):
            told += self.kept.pop(start).told.values()
        return told

    def _extend(self, device: npt.NDArray[np.int32], start: Int64s) -> None:
        """Stretch each device's range; closed windows that this adds become dirty."""
        self._grow(int(device.max(initial=-1)) + 1)
        touched = np.flatnonzero(np.bincount(device))
        old_first, old_last = self._first[touched], self._last[touched]
        np.minimum.at(self._first, device, start)
        np.maximum.at(self._last, device, start)
        first, last = self._first[touched], self._last[touched]
        length = self.key.window_ms
        newest = np.minimum(last, self.closed_until - length)
        new = old_first > old_last
        after = np.where(new, first, old_last + length)
        if (after <= newest).any():
            self._dirty.append(_expand(touched, after, newest, length))
        if (~new & (first < old_first)).any():
            newest = np.minimum(old_first - length, self.closed_until - length)
            self._dirty.append(_expand(touched[~new], first[~new], newest[~new], length))

    def _grow(self, size: int) -> None:
        more = size - len(self._first)
        if more > 0:
            self._first = np.concatenate([self._first, np.full(more, _NEVER)])
            self._last = np.concatenate([self._last, np.full(more, -_NEVER)])
            self._remembered = np.concatenate([self._remembered, np.zeros(more, np.bool_)])


def _expand(device: npt.NDArray[np.int64], first: Int64s, last: Int64s, length: int) -> Pairs:
    """All windows from first to last (both included) of each device; none where last < first."""
    counts = np.maximum((last - first) // length + 1, 0)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return Pairs(np.repeat(device, counts), np.repeat(first, counts) + offset * length)


def _unique(many: list[Pairs]) -> Pairs:
    """Together, sorted and each once."""
    device = np.concatenate([pairs.device for pairs in many] or [np.empty(0, np.int64)])
    start = np.concatenate([pairs.start for pairs in many] or [np.empty(0, np.int64)])
    order = np.lexsort((start, device))
    device, start = device[order], start[order]
    repeat = (device[1:] == device[:-1]) & (start[1:] == start[:-1])
    fresh = np.concatenate((np.ones(min(len(start), 1), np.bool_), ~repeat))
    return Pairs(device[fresh], start[fresh])
