"""What a batch of reports is to the store: new, perhaps there already, or a repeat of its own.

Pure: what is stored already is an argument.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

import msgspec

from domain.codec import decode_report
from domain.report import Report
from domain.site import Device
from ingest.copy_rows import pack_readings, pack_report, to_us
from runtime.kafka import Batch, Record

_HOUR_US: Final = 3_600_000_000


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A report of the batch, with its rows.

    Attributes:
        record: its place in the log.
        point: the monitoring point.
        at_us: when it was measured, µs since 2000.
        report: the report itself.
        row: of the table ``reports``, packed; as bytes, rows compare by point and time (from 2000 on).
        reading_rows: of the table ``readings``, packed.
    """

    record: Record
    point: int
    at_us: int
    report: Report
    row: bytes
    reading_rows: bytes


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch, decoded and packed: all that can be done without the database.

    Attributes:
        batch: the records.
        arrivals: the reports of devices in the register, in order of arrival.
        stray: the others.
    """

    batch: Batch
    arrivals: list[Arrival]
    stray: list[tuple[Record, Report]]


def prepare(batch: Batch, devices: Mapping[str, Device]) -> Prepared:
    """Decode and pack a batch.

    Raises:
        Rejected: a record is no report, so it was not written by us.
    """
    found = Prepared(batch, [], [])
    for records in batch.values():
        for record in records:
            report = decode_report(record.value)
            device = devices.get(report.device)
            if device is None:
                found.stray.append((record, report))
            else:
                found.arrivals.append(arrival(record, report, device.point_id))
    return found


def arrival(record: Record, report: Report, point: int) -> Arrival:
    """A report with its rows."""
    at_us = to_us(report.instant)
    rows = pack_readings(point, at_us, report)
    return Arrival(record, point, at_us, report, pack_report(point, at_us, report), rows)


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
