"""A batch decoded and packed: all that can be done without the database, and so ahead and in a thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress

from domain.codec import decode_report
from domain.report import Report
from domain.site import Device
from ingest.arrival import Arrivals, arrivals
from ingest.copy_rows import Rows, pack
from runtime.kafka import Batch, Record, records_of


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch on its way into the tables.

    Attributes:
        batch: the records.
        arrivals: the reports of devices in the register.
        rows: the same, packed.
        stray: the reports of others.
    """

    batch: Batch
    arrivals: Arrivals
    rows: Rows
    stray: list[tuple[Record, Report]]


def prepare(batch: Batch, devices: Mapping[str, Device]) -> Prepared:
    """Decode and pack a batch.

    Raises:
        Rejected: a record is no report, so it was not written by us.
    """
    records = records_of(batch)
    reports = [decode_report(record.value) for record in records]
    points = {name: devices[name].point_id for name in {one.device for one in reports} & devices.keys()}
    known = [report.device in points for report in reports]
    stray = [both for both, mine in zip(zip(records, reports, strict=True), known, strict=True) if not mine]
    columns = arrivals(list(compress(records, known)), list(compress(reports, known)), points)
    return Prepared(batch, columns, pack(columns), stray)
