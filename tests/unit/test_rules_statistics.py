"""The kernel: means, repeats, groups."""

import numpy as np
import pytest

from domain.instant import to_ms
from rules.columns import NOT_VALID, OVER_RANGE, VALID, Rows
from rules.limits import LaneKey
from rules.statistics import reduce_windows, sort_unique
from rules.window import DAY_MS, local_day, minute_of_day, window, window_start

TEN = 600_000


def rows(*lines: tuple[int, int, float, int]) -> Rows:
    """(device, minute, value, flag), as stored."""
    device, minute, value, flag = zip(*lines, strict=True)
    return Rows(
        np.array(device, np.int32),
        np.array(minute, np.int64) * 60_000,
        np.rint(np.array(value) * 1e6).astype(np.int64),
        np.array(flag, np.uint8),
    )


def statistic(name: str, *lines: tuple[int, int, float, int]) -> list[float]:
    return (reduce_windows(sort_unique(rows(*lines)), LaneKey("noise", TEN, name)).micro / 1e6).tolist()


def levels(*values: float) -> list[tuple[int, int, float, int]]:
    return [(0, minute, value, VALID) for minute, value in enumerate(values)]


def test_energy_mean_of_equal_halves() -> None:
    (mean,) = statistic("energy_mean", *levels(60, 70))
    assert mean == pytest.approx(67.4, abs=0.05)
    assert statistic("energy_mean", *levels(*[70.0] * 10)) == [70.0]
    assert statistic("energy_mean", *levels(*[55.0] * 7)) == [55.0]


def test_arithmetic_mean_is_exact() -> None:
    assert statistic("mean", *levels(2.4, 2.2, 2.0, 1.9)) == [2.125]
    assert statistic("mean", *levels(2.07, 1.93, 2.03, 1.97, 2.01, 1.99, 2.2, 1.8)) == [2.0]
    assert statistic("mean", *levels(1, 1, 2)) == [1.333333]


def test_max_ignores_what_is_not_valid() -> None:
    assert statistic("max", *levels(50, 71, 60), (0, 5, 99, NOT_VALID)) == [71.0]
    assert statistic("max", (0, 5, 99, NOT_VALID)) == [0.0]


def test_groups_by_device_and_window() -> None:
    groups = reduce_windows(
        sort_unique(rows((1, 12, 5, VALID), (0, 3, 1, VALID), (0, 3, 9, VALID), (1, 1, 7, OVER_RANGE))),
        LaneKey("tsp", TEN, "mean"),
    )
    assert groups.device.tolist() == [0, 1, 1]
    assert groups.start.tolist() == [0, 0, TEN]
    assert groups.n_valid.tolist() == [1, 0, 1]
    assert groups.n_saturated.tolist() == [0, 1, 0]
    assert groups.micro[0] == 1_000_000  # the first stored of a repeat


def test_nothing_is_reduced_to_nothing() -> None:
    empty = rows((0, 0, 0, VALID)).pick(np.array([False]))
    assert len(reduce_windows(empty, LaneKey("tsp", TEN, "mean")).start) == 0


def test_windows_are_aligned_in_chinas_day() -> None:
    midnight = window(window_start(0, DAY_MS), DAY_MS)
    assert midnight.start.isoformat() == "1970-01-01T00:00:00+08:00"
    assert (midnight.minute, str(midnight.day)) == (0, "1970-01-01")
    last = window(to_ms(midnight.end) - 1_200_000, 1_200_000)
    assert (last.start.isoformat(), last.minute) == ("1970-01-01T23:40:00+08:00", 1420)
    assert str(local_day(to_ms(last.end))) == "1970-01-02"
    assert minute_of_day(to_ms(last.end)) == 0


def test_aligning_is_the_same_for_columns() -> None:
    instants = np.array([-1, 0, 1, TEN - 1, TEN], np.int64)
    assert window_start(instants, TEN).tolist() == [window_start(int(at), TEN) for at in instants]
