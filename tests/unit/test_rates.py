"""The counts behind the daily rates, each against a day that can be counted by hand."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.rates import FRESH_S, LINKED_WITHIN_S, Linkage, Series, due, linkage, machine

BEGIN, END = 1_800_000_000 // 86_400 * 86_400, 1_800_000_000 // 86_400 * 86_400 + 86_400
NOTHING: Series = ((), ())


def each_minute(states: Iterable[float], begin: int = BEGIN) -> Series:
    values = list(states)
    return [begin + 60.0 * n for n in range(len(values))], values


def of(fan: Series, purifier: Series) -> Linkage:
    return linkage(machine(fan, NOTHING, 0.2), machine(purifier, NOTHING, 0.2), BEGIN, END)


def test_minutes_with_the_fan_running_and_of_these_with_the_purifier() -> None:
    found = of(each_minute([0, 0, 1, 1, 1, 1, 0]), each_minute([0, 1, 0, 1, 1, 1, 1]))
    assert found == Linkage(fan_minutes=4, purified_minutes=3, fan_starts=1, linked_starts=1)


def test_minutes_in_which_nothing_is_known_of_the_purifier_do_not_count() -> None:
    purifier = ([BEGIN + 60.0], [1.0])
    assert of(each_minute([1, 1, 1]), purifier) == Linkage(fan_minutes=1, purified_minutes=1)
    assert of(each_minute([0, 1, 1]), NOTHING) == Linkage()


@pytest.mark.parametrize(("after_s", "linked"), [(0, 1), (LINKED_WITHIN_S, 1), (LINKED_WITHIN_S + 1, 0)])
def test_a_start_is_linked_if_the_purifier_follows_in_time(after_s: int, linked: int) -> None:
    fan = each_minute([0, 1, 1])
    start = BEGIN + 60
    purifier = ([float(start - 1), float(start + 1), start + after_s + 0.0], [0.0, 0.0, 1.0])
    if after_s == 0:
        purifier = ([float(start)], [1.0])
    found = of(fan, purifier)
    assert (found.fan_starts, found.linked_starts) == (1, linked)


@pytest.mark.parametrize(("silent_s", "starts"), [(FRESH_S, 1), (FRESH_S + 1, 0)])
def test_a_fan_that_runs_after_a_silence_has_not_started(silent_s: int, starts: int) -> None:
    fan = ([float(BEGIN), float(BEGIN + silent_s)], [0.0, 1.0])
    assert of(fan, ([float(BEGIN + silent_s)], [1.0])).fan_starts == starts


def test_a_start_belongs_to_the_day_in_which_it_is() -> None:
    around = each_minute([0, 0, 1, 1], BEGIN - 120)  # stands at 23:58 and 23:59, runs from midnight on
    assert of(around, each_minute([1] * 6, BEGIN)).fan_starts == 1
    before = each_minute([0, 1, 1, 1], BEGIN - 120)  # runs from 23:59 on
    found = of(before, each_minute([1] * 6, BEGIN - 120))
    assert found == Linkage(fan_minutes=2, purified_minutes=2)
    last = each_minute([0, 1], END - 120)  # starts at 23:59, and the purifier after midnight
    assert of(last, ([END + 30.0], [1.0])) == Linkage(fan_starts=1, linked_starts=1)


def test_the_switch_wins_over_the_current_where_both_speak() -> None:
    switch, current = each_minute([0, 1]), each_minute([3.0, 0.0, 0.3, 0.2])
    assert machine(switch, current, 0.2).runs.tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("spans", "interval_s", "until_s", "reports"),
    [
        ((), 60, 86_400, 1440),
        ((), 900, 86_400, 96),
        (((600, 840), (990, 1290)), 60, 86_400, 540),
        (((600, 840), (990, 1290)), 60, 11 * 3600, 60),
        (((600, 840), (990, 1290)), 60, 9 * 3600, 0),
    ],
)
def test_reports_due(spans: tuple[tuple[int, int], ...], interval_s: int, until_s: int, reports: int) -> None:
    assert due(spans, interval_s, until_s) == reports


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200))
def test_counts_agree_with_a_plain_loop(states: list[tuple[bool, bool]]) -> None:
    fan, purifier = [float(one) for one, _ in states], [float(two) for _, two in states]
    starts = [n for n in range(1, len(states)) if fan[n] and not fan[n - 1]]
    assert of(each_minute(fan), each_minute(purifier)) == Linkage(
        fan_minutes=sum(map(bool, fan)),
        purified_minutes=sum(one and two for one, two in states),
        fan_starts=len(starts),
        linked_starts=sum(any(purifier[n : n + 6]) for n in starts),
    )
