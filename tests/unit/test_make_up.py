"""Which stretches are asked for again, and how often."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import make_up
from ingest.make_up import Asked, Patience, Stretch, due, gaps
from runtime.ledger import Gap

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def gap(begin_ago: timedelta, end_ago: timedelta, device: str = "h1") -> Gap:
    return Gap(device=device, before_at=NOW - begin_ago, after_at=NOW - end_ago, missing=9, estimated=True)


def test_a_gap_is_asked_for_without_its_neighbours() -> None:
    assert gaps([gap(2 * HOUR, HOUR)], NOW) == [Stretch("h1", NOW - 2 * HOUR + SECOND, NOW - HOUR - SECOND)]


def test_a_fresh_gap_is_left_to_settle_and_an_old_one_as_it_is() -> None:
    assert gaps([gap(2 * HOUR, timedelta(minutes=9)), gap(200 * HOUR, 190 * HOUR)], NOW) == []


def test_a_device_is_asked_a_few_times_with_longer_pauses() -> None:
    stretch = Stretch("h1", NOW - 2 * HOUR, NOW - HOUR)
    patience = Patience(attempts=3, pause=HOUR)

    def waits(times: int, hours: float) -> bool:
        return not due([stretch], {stretch: Asked(times, NOW - hours * HOUR)}, NOW, patience)

    assert due([stretch], {}, NOW, patience) == [stretch]
    assert (waits(1, 0.9), waits(1, 1), waits(2, 1.9), waits(2, 2)) == (True, False, True, False)
    assert waits(3, 1000)


def test_what_is_left_of_a_stretch_counts_with_it_while_the_device_is_sending() -> None:
    whole = Stretch("h1", NOW - 2 * HOUR, NOW - HOUR)
    rest, other = Stretch("h1", NOW - 1.5 * HOUR, NOW - HOUR), Stretch("h2", NOW - 1.5 * HOUR, NOW - HOUR)
    asked = {whole: Asked(1, NOW)}
    assert due([rest, other], asked, NOW) == [other]
    later = NOW + timedelta(minutes=30)
    assert due([rest], asked, later) == [rest]
    assert due([rest], asked | {rest: Asked(1, later)}, later + timedelta(minutes=59)) == [], "asked twice"


def test_one_device_does_not_get_everything_at_once() -> None:
    found = gaps([gap((n + 1) * HOUR, n * HOUR) for n in range(1, 9)] + [gap(2 * HOUR, HOUR, "h2")], NOW)
    assert sorted(one.device for one in due(found, {}, NOW, Patience(at_once=2))) == ["h1", "h1", "h2"]
    assert due(found, {}, NOW)[0].end == NOW - HOUR - SECOND


@given(
    begin=st.integers(600, 600_000),
    length=st.integers(2, 600_000),
    span_h=st.integers(1, 48),
)
def test_pieces_cover_the_gap_once(begin: int, length: int, span_h: int) -> None:
    patience = Patience(reach=timedelta(days=3), span=span_h * HOUR)
    one = gap(timedelta(seconds=begin + length), timedelta(seconds=begin))
    pieces = sorted(gaps([one], NOW, patience))
    start = one.before_at + SECOND
    if start < NOW - patience.reach:
        begun = (NOW - patience.reach - EPOCH) // patience.span * patience.span
        start = EPOCH + begun + patience.span  # the first whole piece within reach
    if start >= one.after_at:
        assert pieces == []
        return
    assert pieces[0].start == start
    assert pieces[-1].end == one.after_at - SECOND
    assert all(after.start - before.end == SECOND for before, after in itertools.pairwise(pieces))
    assert all(timedelta(0) <= piece.end - piece.start < patience.span for piece in pieces)


def test_a_gap_that_sinks_out_of_reach_is_not_asked_for_anew_in_each_round() -> None:
    begun = gap(200 * HOUR, HOUR)
    first, later = (gaps([begun], now) for now in (NOW + 10 * SECOND, NOW + 310 * SECOND))
    assert first == later
    assert all(one.start >= NOW - Patience().reach for one in first)


@pytest.mark.parametrize("filled", [0.5, 4, 11])
def test_a_gap_that_is_filled_from_its_end_keeps_its_older_pieces(filled: float) -> None:
    whole = gaps([gap(24 * HOUR, HOUR)], NOW)
    rest = gaps([gap(24 * HOUR, (1 + filled) * HOUR)], NOW)
    assert set(rest[1:]) <= set(whole)
    assert make_up.Patience().span == 6 * HOUR
