"""What a batch is to the store, and the bytes that it becomes."""

from datetime import UTC, datetime, timedelta
from struct import unpack_from
from types import SimpleNamespace

import numpy as np

from domain.codec import encode
from domain.report import Report, Source
from ingest.arrival import Arrivals, arrivals, from_us, shape, to_us
from ingest.copy_rows import pack
from ingest.novelty import count, hours, newest, sort_out
from ingest.prepared import prepare
from runtime.kafka import Record

AT = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def report(minute: int, point: int = 1, **readings: float) -> Report:
    at = AT + timedelta(minutes=minute)
    return Report(device=f"d{point}", at=at, readings=readings or {"oil_fume": 0.5})


def arrived(*reports: Report) -> Arrivals:
    """The reports of devices ``d1``, ``d2`` … as they came; each stands at the point of its number."""
    records = [Record(0, offset, b"", 0) for offset in range(len(reports))]
    return arrivals(records, reports, {one.device: int(one.device[1:]) for one in reports})


def lines(mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[int]:
    return list(np.flatnonzero(mask).tolist())


def of_readings(batch: Arrivals) -> bytes:
    return b"".join(pack(batch).of_readings(np.ones(len(batch), bool)))


def of_reports(batch: Arrivals) -> bytes:
    return b"".join(pack(batch).of_reports(np.ones(len(batch), bool)))


def test_reports_lie_by_point_and_time_and_repeats_as_they_came() -> None:
    sent = [report(2, 300), report(1, 300, a=1), report(0, 2), report(1, 300, b=2)]
    assert arrived(*sent).report == [sent[2], sent[1], sent[3], sent[0]]


def test_above_the_mark_is_new_and_at_it_or_below_is_not_sure() -> None:
    batch = arrived(report(1), report(2), report(3), report(1, point=2))
    found = sort_out(batch, {1: to_us(AT + timedelta(minutes=2)), 2: -1})
    assert lines(found.new) == [2, 3]
    assert lines(found.unsure) == [0, 1]


def test_a_repeat_within_the_batch_needs_a_look_only_for_further_factors() -> None:
    batch = arrived(report(1, noise=1), report(1, noise=2), report(1, noise=2, tsp=3), report(2, tsp=1))
    found = sort_out(batch, {1: -1})
    assert lines(found.new) == [0, 3]
    assert lines(found.unsure) == [2]


def test_fewer_factors_than_the_first_bring_nothing() -> None:
    found = sort_out(arrived(report(1, noise=1, tsp=3), report(1, tsp=3)), {1: -1})
    assert (lines(found.new), lines(found.unsure)) == ([0], [])


def test_without_marks_nothing_is_sure() -> None:
    found = sort_out(arrived(report(1), report(2)), None)
    assert (lines(found.new), lines(found.unsure)) == ([], [0, 1])


def test_each_report_is_counted_as_stored_or_as_a_repeat_of_its_hour() -> None:
    batch = arrived(report(0), report(0), report(59), report(60), report(61), report(5, point=2))
    hour = to_us(AT)
    assert count(batch, np.array([True, False, True, True, False, True])) == {
        ("d1", hour): (2, 1),
        ("d1", hour + 3_600_000_000): (1, 1),
        ("d2", hour): (1, 0),
    }


def test_hours_of_a_point() -> None:
    batch = arrived(*(report(minute) for minute in (-1, 0, 5, 59, 60)), report(61, point=2))
    heads, tails = hours(batch.point, batch.at_us)
    assert (heads.tolist(), tails.tolist()) == ([0, 1, 4, 5], [0, 3, 4, 5])


def test_the_newest_of_each_device() -> None:
    batch = arrived(report(2), report(5), report(3), report(1, point=2))
    assert newest(batch) == {
        "d1": to_us(AT + timedelta(minutes=5)),
        "d2": to_us(AT + timedelta(minutes=1)),
    }


def test_microseconds_since_2000_and_back() -> None:
    assert to_us(datetime(2000, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == 1_000_005
    assert from_us(to_us(AT)) == AT


def test_a_shape_is_of_the_factors_in_any_order_and_never_changes() -> None:
    assert shape(("tsp", "noise")) == shape(("noise", "tsp")) == 6065346649077750394, "it is stored"
    assert shape(("tsp",)) != shape(("noise",))


def test_a_reading_is_six_fields_in_the_order_of_the_columns() -> None:
    one = Report(device="d7", at=AT, readings={"tsp": 80.5}, flags={"tsp": "D"}, received_at=AT)
    assert unpack_from(">hiii3siqidiciq", of_readings(arrived(one))) == (
        *(6, 4, 7, 3, b"tsp", 8, to_us(AT), 8, 80.5, 1, b"D", 8, to_us(AT)),
    )


def test_a_report_is_seven_fields_in_the_order_of_the_columns() -> None:
    heard = AT + timedelta(seconds=2)
    one = Report(
        device="d7",
        at=AT,
        readings={"tsp": 1.0},
        seq=5,
        received_at=heard,
        source=Source.HJ212,
        raw={"a34001": "0.001"},
    )
    said = b'\x01{"a34001":"0.001"}'
    assert unpack_from(f">hiiiqiqiqiqi5si{len(said)}s", of_reports(arrived(one))) == (
        *(7, 4, 7, 8, to_us(AT), 8, to_us(heard), 8, shape(("tsp",)), 8, 5, 5, b"hj212", len(said), said),
    )


def test_a_report_without_seq_source_and_raw_has_nulls() -> None:
    row = of_reports(arrived(Report(device="d7", at=AT, readings={})))
    assert row[-12:] == b"\xff" * 12
    assert of_readings(arrived(Report(device="d7", at=AT, readings={}))) == b""


def test_rows_come_factor_by_factor_for_the_reports_that_are_wanted() -> None:
    batch = arrived(report(0, tsp=1, noise=50), report(1, noise=51, tsp=2), report(2, tsp=3))
    chosen = b"".join(pack(batch).of_readings(np.array([False, True, True])))
    dust, noise = arrived(report(1, tsp=2), report(2, tsp=3)), arrived(report(1, noise=51))
    assert chosen == of_readings(dust) + of_readings(noise)


def test_readings_in_another_order_are_rows_of_the_same_factors() -> None:
    batch = arrived(report(0, tsp=1, noise=50), report(1, noise=51, tsp=2))
    assert of_readings(batch) == of_readings(arrived(report(0, tsp=1), report(1, tsp=2))) + of_readings(
        arrived(report(0, noise=50), report(1, noise=51))
    )


def test_a_report_of_nobody_in_the_register_is_set_apart() -> None:
    sent = [report(0, point=3), report(0, point=1)]
    batch = {0: [Record(0, offset, encode(one), 0) for offset, one in enumerate(sent)]}
    found = prepare(batch, {"d1": SimpleNamespace(point_id=1)})  # type: ignore[dict-item]
    assert found.arrivals.report == [sent[1]]
    assert found.stray == [(batch[0][0], sent[0])]
