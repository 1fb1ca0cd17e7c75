"""What a batch is to the store, and the bytes that it becomes."""

from datetime import UTC, datetime, timedelta
from struct import unpack_from

from domain.report import Report
from ingest.arrival import Arrival, count, newest, sort_out
from ingest.arrival import arrival as make
from ingest.copy_rows import from_us, pack_readings, pack_report, stream, to_us
from runtime.kafka import Record

AT = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def arrival(minute: int, point: int = 1, **readings: float) -> Arrival:
    at = AT + timedelta(minutes=minute)
    report = Report(device=f"d{point}", at=at, readings=readings or {"oil_fume": 0.5})
    return make(Record(0, minute, b"", 0), report, point)


def test_above_the_mark_is_new_and_at_it_or_below_is_not_sure() -> None:
    batch = [arrival(1), arrival(2), arrival(3), arrival(1, point=2)]
    found = sort_out(batch, {1: batch[1].at_us, 2: -1})
    assert found.new == batch[2:]
    assert found.unsure == batch[:2]


def test_a_repeat_within_the_batch_needs_a_look_only_for_further_factors() -> None:
    first, same, more = arrival(1, noise=1), arrival(1, noise=2), arrival(1, noise=2, tsp=3)
    found = sort_out([first, same, more], {1: -1})
    assert found.new == [first]
    assert found.unsure == [more]


def test_without_marks_nothing_is_sure() -> None:
    batch = [arrival(1), arrival(2)]
    assert sort_out(batch, None).unsure == batch


def test_each_report_is_counted_once_and_its_repeats_as_such() -> None:
    batch = [arrival(0), arrival(0), arrival(59), arrival(60), arrival(61)]
    stored = {(one.point, one.at_us) for one in batch[:4]}
    hour = to_us(AT)
    assert count(batch, stored) == {("d1", hour): (2, 1), ("d1", hour + 3_600_000_000): (1, 1)}


def test_the_newest_of_each_device() -> None:
    batch = [arrival(2), arrival(5), arrival(3), arrival(1, point=2)]
    assert newest(batch) == {"d1": batch[1].at_us, "d2": batch[3].at_us}


def test_microseconds_since_2000_and_back() -> None:
    assert to_us(datetime(2000, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == 1_000_005
    assert from_us(to_us(AT)) == AT


def test_a_reading_is_six_fields_in_the_order_of_the_columns() -> None:
    report = Report(device="d", at=AT, readings={"tsp": 80.5}, flags={"tsp": "D"}, received_at=AT)
    row = pack_readings(7, to_us(AT), report)
    assert unpack_from(">hiii3siqidiciq", row) == (
        *(6, 4, 7, 3, b"tsp", 8, to_us(AT), 8, 80.5, 1, b"D", 8, to_us(AT)),
    )


def test_a_report_without_seq_source_and_raw_has_nulls() -> None:
    row = pack_report(7, to_us(AT), Report(device="d", at=AT, readings={}))
    assert row.endswith(b"\xff\xff\xff\xff" * 2)
    assert row[22:26] == b"\xff\xff\xff\xff", "no seq"


def test_reports_sort_by_point_and_time_as_bytes() -> None:
    batch = [arrival(2, 300), arrival(1, 300), arrival(0, 2)]
    assert sorted(batch, key=lambda one: one.row) == batch[::-1]


def test_a_report_of_two_factors_is_two_rows() -> None:
    both = Report(device="d", at=AT, readings={"tsp": 1.0, "noise": 2.0})
    alone = [Report(device="d", at=AT, readings={name: value}) for name, value in both.readings.items()]
    assert pack_readings(7, to_us(AT), both) == b"".join(pack_readings(7, to_us(AT), one) for one in alone)
    assert stream([]) == b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"
