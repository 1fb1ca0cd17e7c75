"""What a batch of reports is to the store: new, perhaps there already, or a repeat of its own.

Pure: what is stored already is an argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.arrival import HOUR_US, Arrivals, Int32s, Int64s

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class SortedOut:
    """A batch by what must be done; what is in neither is stored with its first.

    Attributes:
        new: which reports to copy as they are.
        unsure: which to hold against the tables.
    """

    new: Mask
    unsure: Mask


def sort_out(batch: Arrivals, marks: Mapping[int, int] | None) -> SortedOut:
    """Tell new reports from those that may be stored already.

    A report above its point's mark is new, the first time it comes in the batch. The second time its
    readings are stored with the first, unless it brings further factors.

    Args:
        batch: the reports.
        marks: point → newest measuring time stored, µs since 2000; without them nothing is sure.
    """
    if marks is None:
        return SortedOut(np.zeros(len(batch), bool), np.ones(len(batch), bool))
    first = _firsts(batch)
    above = batch.at_us > _of_points(batch, marks)
    return SortedOut(first & above, ~above | _bring_more(batch, first))


def _firsts(batch: Arrivals) -> Mask:
    """Which reports are the first of their point and instant."""
    changes = (batch.point[1:] != batch.point[:-1]) | (batch.at_us[1:] != batch.at_us[:-1])
    first: Mask = np.concatenate((np.ones(min(1, len(batch)), bool), changes))
    return first


def _bring_more(batch: Arrivals, first: Mask) -> Mask:
    """Which reports have factors that the first of their instant has not."""
    heads = np.flatnonzero(first)[np.cumsum(first) - 1]
    more: Mask = batch.layout != batch.layout[heads]
    for line in np.flatnonzero(more).tolist():
        more[line] = not batch.report[line].readings.keys() <= batch.report[heads[line]].readings.keys()
    return more


def _of_points(batch: Arrivals, marks: Mapping[int, int]) -> Int64s:
    points, where = np.unique(batch.point, return_inverse=True)
    return np.array([marks[point] for point in points.tolist()], np.int64)[where]


def hours(point: Int32s, at_us: Int64s) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Where each hour of a point begins and ends among reports in the order of both."""
    hour = at_us // HOUR_US
    changes = np.flatnonzero((point[1:] != point[:-1]) | (hour[1:] != hour[:-1]))
    return np.concatenate(([0], changes + 1)), np.concatenate((changes, [len(point) - 1]))


Counts = dict[tuple[str, int], tuple[int, int]]
"""(device, hour in µs since 2000) → reports stored, reports that came again."""


def count(batch: Arrivals, stored: Mask) -> Counts:
    """Count reports by device and hour of measuring.

    Args:
        batch: the reports.
        stored: which of them the batch has added to the table; the others had come before.
    """
    hours, hour = np.unique(batch.at_us // HOUR_US, return_inverse=True)
    places, place = np.unique(batch.device * len(hours) + hour, return_inverse=True)
    new = np.bincount(place[stored], minlength=len(places))
    again = np.bincount(place[~stored], minlength=len(places))
    return {
        (batch.devices[at // len(hours)], int(hours[at % len(hours)]) * HOUR_US): (one, other)
        for at, one, other in zip(places.tolist(), new.tolist(), again.tolist(), strict=True)
    }


def newest(batch: Arrivals) -> dict[str, int]:
    """Device → its newest measuring time in the batch, µs since 2000."""
    found = np.full(len(batch.devices), np.iinfo(np.int64).min)
    np.maximum.at(found, batch.device, batch.at_us)
    return dict(zip(batch.devices, found.tolist(), strict=True))
