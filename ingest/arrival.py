"""What a batch of reports is to the store: new, perhaps there already, or a repeat of its own.

Pure: what is stored already is an argument.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

import msgspec

from domain.report import Report

_HOUR_US: Final = 3_600_000_000


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A report of the batch, with what its rows need.

    Attributes:
        partition: where it lay in the log.
        point: the monitoring point.
        at_us: when it was measured, µs since 2000.
        report: the rest.
    """

    partition: int
    point: int
    at_us: int
    report: Report


@dataclass(frozen=True, slots=True)
class SortedOut:
    """A batch by what must be done: copied as it is, or held against the table; the rest is there already."""

    new: list[Arrival]
    unsure: list[Arrival]


def sort_out(arrivals: Iterable[Arrival], marks: Mapping[int, int] | None) -> SortedOut:
    """Tell new reports from those that may be stored already.

    A report above its point's mark is new, the first time it comes in the batch. The second time its
    readings are stored with the first, unless it brings further factors.

    Args:
        arrivals: a batch, in order of arrival.
        marks: point → newest measuring time stored, µs since 2000; without them nothing is sure.
    """
    if marks is None:
        return SortedOut([], list(arrivals))
    first: dict[tuple[int, int], Arrival] = {}
    unsure = []
    for one in arrivals:
        key = (one.point, one.at_us)
        before = first.get(key)
        if before is not None:
            if not one.report.readings.keys() <= before.report.readings.keys():
                unsure.append(one)
        elif one.at_us > marks[one.point]:
            first[key] = one
        else:
            unsure.append(one)
    return SortedOut(list(first.values()), unsure)


Counts = dict[tuple[str, int], tuple[int, int]]
"""(device, hour in µs since 2000) → reports stored, reports that came again."""


def count(arrivals: Iterable[Arrival], stored: AbstractSet[tuple[int, int]]) -> Counts:
    """Count each report once as stored, and its repeats as duplicates.

    Args:
        arrivals: a batch, in order of arrival.
        stored: (point, µs) of the reports that the batch has added to the table.
    """
    left = set(stored)
    counts: Counts = {}
    for one in arrivals:
        key = (one.point, one.at_us)
        place = (one.report.device, one.at_us // _HOUR_US * _HOUR_US)
        was_stored, came_again = counts.get(place, (0, 0))
        if key in left:
            left.discard(key)
            counts[place] = (was_stored + 1, came_again)
        else:
            counts[place] = (was_stored, came_again + 1)
    return counts


def newest(arrivals: Iterable[Arrival]) -> dict[str, int]:
    """Device → its newest measuring time in the batch, µs since 2000."""
    found: dict[str, int] = {}
    for one in arrivals:
        if one.at_us > found.get(one.report.device, one.at_us - 1):
            found[one.report.device] = one.at_us
    return found
