"""Statistics of windows over whole columns: sort, count repeats once, reduce.

Concentrations are summed as whole millionths, so a mean is exact before its one rounding to
6 decimals and a window whose true mean equals its limit never exceeds it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rules.columns import OVER_RANGE, VALID, Rows
from rules.limits import MICRO, LaneKey
from rules.window import Int64s, window_start


@dataclass(frozen=True, slots=True)
class Groups:
    """One line per device and window that has readings, sorted by both.

    Attributes:
        device: index of the device.
        start: start of the window, epoch ms.
        n_valid: samples that count (flag N).
        n_saturated: samples over the sensor's range (flag T).
        micro: the statistic in millionths of the unit; 0 where ``n_valid`` is 0.
    """

    device: npt.NDArray[np.int32]
    start: Int64s
    n_valid: Int64s
    n_saturated: Int64s
    micro: Int64s


def sort_unique(rows: Rows) -> Rows:
    """Sorted by device and instant; of a repeated (device, at) the first stored stays."""
    order = np.lexsort((rows.at, rows.device))  # stable: equal keys stay in stored order
    rows = rows.pick(order)
    repeat = (rows.device[1:] == rows.device[:-1]) & (rows.at[1:] == rows.at[:-1])
    return rows.pick(np.concatenate(([True], ~repeat))) if repeat.any() else rows


def reduce_windows(rows: Rows, lane: LaneKey) -> Groups:
    """Reduce readings of one factor to its statistic per device and window.

    Args:
        rows: as ``sort_unique`` leaves them.
        lane: window length and statistic.
    """
    start = window_start(rows.at, lane.window_ms)
    if not len(rows):
        return Groups(rows.device, start, start, start, start)
    changes = (rows.device[1:] != rows.device[:-1]) | (start[1:] != start[:-1])
    heads = np.concatenate(([0], np.flatnonzero(changes) + 1))
    valid = rows.flag == VALID
    n_valid = np.add.reduceat(valid, heads, dtype=np.int64)
    n_saturated = np.add.reduceat(rows.flag == OVER_RANGE, heads, dtype=np.int64)
    return Groups(rows.device[heads], start[heads], n_valid, n_saturated, _reduce(rows, lane, heads, n_valid))


def _reduce(rows: Rows, lane: LaneKey, heads: npt.NDArray[np.intp], n_valid: Int64s) -> Int64s:
    valid = rows.flag == VALID
    divisor = np.maximum(n_valid, 1)
    match lane.statistic:
        case "mean":
            sums = np.add.reduceat(rows.micro, heads)  # a reading that is not valid has 0
            half_up: Int64s = (2 * sums + divisor) // (2 * divisor)  # one rounding, of whole numbers
            return half_up
        case "energy_mean":
            energy = np.where(valid, np.power(10.0, rows.micro / (10.0 * MICRO)), 0.0)
            mean = np.add.reduceat(energy, heads) / divisor
            return np.rint(10.0 * MICRO * np.log10(np.where(n_valid > 0, mean, 1.0))).astype(np.int64)
        case _:
            lowest = np.iinfo(np.int64).min
            peak = np.maximum.reduceat(np.where(valid, rows.micro, lowest), heads)
            return np.where(n_valid > 0, peak, 0)
