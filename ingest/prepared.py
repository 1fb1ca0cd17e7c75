"""A batch decoded and packed: all that can be done without the database, and so ahead and in a thread."""

from collections.abc import Mapping
from dataclasses import dataclass

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
    stray = [both for both in zip(records, reports, strict=True) if both[1].device not in devices]
    if stray:
        known = [both for both in zip(records, reports, strict=True) if both[1].device in devices]
        records, reports = [record for record, _ in known], [report for _, report in known]
    columns = arrivals(records, reports, (devices[report.device].point_id for report in reports))
    return Prepared(batch, columns, pack(columns), stray)
