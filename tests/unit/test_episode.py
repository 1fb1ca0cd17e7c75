import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.episode import Episode, EpisodeRule, EpisodeState, fold, identify
from domain.evaluation import Evaluation, Verdict
from domain.instant import CHINA

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=CHINA)
TEN = timedelta(minutes=10)
LETTERS = {"x": Verdict.EXCEED, ".": Verdict.PASS, "?": Verdict.INVALID, "~": Verdict.INDETERMINATE}


def window(position: int, letter: str, value: float = 3.0) -> Evaluation:
    return Evaluation(
        device="d7",
        standard="GB 18483-2001",
        limit="oil_fume",
        factor="oil_fume",
        window_start=NOON + position * TEN,
        window_end=NOON + (position + 1) * TEN,
        statistic="mean",
        value=value if letter == "x" else 1.0,
        limit_value=2.0,
        unit="mg/m³",
        verdict=LETTERS[letter],
        n_valid=10,
        n_expected=10,
        adjustments=(),
        clause="5.1",
        revision=1,
        final=True,
    )


def windows(text: str) -> list[Evaluation]:
    """One letter a window of ten minutes; a space is a window that was never judged."""
    return [window(position, letter) for position, letter in enumerate(text) if letter != " "]


def shape(episodes: Iterable[Episode]) -> list[tuple[int, int, int, str]]:
    """(first window, last window, exceeding windows, state)."""
    return [
        (
            (episode.started_at - NOON) // TEN,
            (episode.ended_at - NOON) // TEN - 1,
            episode.n_exceed,
            episode.state.value,
        )
        for episode in episodes
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("....??~", []),
        ("x", [(0, 0, 1, "open")]),
        (".xx.", [(1, 2, 2, "open")]),
        (".xx..", [(1, 2, 2, "cleared")]),
        ("x.x..", [(0, 2, 2, "cleared")]),  # one passing window is too few
        ("x..x", [(0, 0, 1, "cleared"), (3, 3, 1, "open")]),
        ("x.?.", [(0, 0, 1, "cleared")]),  # an invalid window neither clears nor breaks the row
        ("x?~???", [(0, 0, 1, "open")]),
        ("x    x..", [(0, 5, 2, "cleared")]),  # a short gap is joined
        ("x" + " " * 18 + "x", [(0, 19, 2, "open")]),  # three hours are still short
        ("x" + " " * 19 + "x", [(0, 0, 1, "cleared"), (20, 20, 1, "open")]),
        ("x" + "?" * 20, [(0, 0, 1, "cleared")]),  # silence ends it, too
    ],
)
def test_fold(text: str, expected: list[tuple[int, int, int, str]]) -> None:
    assert shape(fold(windows(text), EpisodeRule())) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("xx.", []),
        ("xx.x", []),
        ("xxx", [(0, 2, 3, "open")]),
        ("x?xx", [(0, 3, 3, "open")]),
        ("xx.xxx.x..", [(3, 7, 4, "cleared")]),
    ],
)
def test_raise_after_three(text: str, expected: list[tuple[int, int, int, str]]) -> None:
    assert shape(fold(windows(text), EpisodeRule(raise_after=3))) == expected


def test_the_peak_is_the_highest_exceeding_value() -> None:
    episode = fold([window(0, "x", 2.5), window(1, "x", 7.25), window(2, "x", 4.0)], EpisodeRule())[0]
    assert (episode.peak, episode.limit_value, episode.unit) == (7.25, 2.0, "mg/m³")


def test_the_id_is_made_of_limit_device_and_first_window() -> None:
    once, again = fold(windows(".x"), EpisodeRule()), fold(windows(".xxx"), EpisodeRule())
    other = fold(windows("x"), EpisodeRule())
    assert once[0].episode_id == again[0].episode_id != other[0].episode_id


def test_a_start_moved_backwards_keeps_the_stored_id() -> None:
    stored = fold(windows("  xx"), EpisodeRule())
    moved = identify(fold(windows("xxxx"), EpisodeRule()), stored)
    assert moved[0].episode_id == stored[0].episode_id
    assert moved[0].started_at == NOON


def test_of_two_parts_one_keeps_the_id_and_the_other_is_new() -> None:
    stored = fold(windows("xxxxx"), EpisodeRule())
    parts = identify(fold(windows("x..xx"), EpisodeRule()), stored)
    assert parts[0].episode_id == stored[0].episode_id
    assert parts[1].episode_id != stored[0].episode_id


def test_a_merged_episode_is_the_first_of_the_preferred_order() -> None:
    first, second = fold(windows("  x..x"), EpisodeRule())
    merged = fold(windows("xxxxxx"), EpisodeRule())
    assert identify(merged, [first, second])[0].episode_id == first.episode_id
    assert identify(merged, [second, first])[0].episode_id == second.episode_id


def test_a_withdrawn_episode_comes_back_only_as_itself() -> None:
    stored = replace(fold(windows("  x"), EpisodeRule())[0], state=EpisodeState.WITHDRAWN)
    assert identify(fold(windows("  x"), EpisodeRule()), [stored])[0].episode_id == stored.episode_id
    assert identify(fold(windows(" xx"), EpisodeRule()), [stored])[0].episode_id != stored.episode_id


texts = st.text(alphabet="x.?~ ", max_size=60)
rules = st.builds(
    EpisodeRule,
    raise_after=st.integers(1, 3),
    clear_after=st.integers(1, 3),
    max_gap=st.integers(0, 60).map(lambda minutes: timedelta(minutes=minutes)),
)
TWO_A_DAY = {("GB 18483-2001", "oil_fume"): 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("xx", []),  # two a day are allowed
        ("xxx", [(2, 2, 1, "open")]),  # the third counts, the first two do not
        ("x.x.x..", [(4, 4, 1, "cleared")]),
        ("xxx" + " " * 69 + "xx", [(2, 2, 1, "cleared")]),  # noon + 12 h is another day, with two of its own
        ("xxx" + " " * 69 + "xxx", [(2, 2, 1, "cleared"), (74, 74, 1, "open")]),
    ],
)
def test_what_a_standard_allows_a_day_is_no_episode(
    text: str, expected: list[tuple[int, int, int, str]]
) -> None:
    assert shape(fold(windows(text), EpisodeRule(allowed=TWO_A_DAY))) == expected


def test_the_allowance_is_of_one_limit_only() -> None:
    other = EpisodeRule(allowed={("DB13/2934-2019", "pm10"): 2})
    assert shape(fold(windows("xx"), other)) == [(0, 1, 2, "open")]


def test_windows_before_the_beginning_count_towards_the_allowance() -> None:
    begin = NOON + 2 * TEN
    rule = EpisodeRule(allowed=TWO_A_DAY)
    assert shape(fold(windows("xxx"), rule, begin)) == [(2, 2, 1, "open")]
    assert fold(windows("  x"), rule, begin) == []


@given(texts, rules)
def test_episodes_are_in_order_apart_and_made_of_exceedances(text: str, rule: EpisodeRule) -> None:
    judged = windows(text)
    episodes = fold(judged, rule)
    for before, after in itertools.pairwise(episodes):
        assert before.ended_at <= after.started_at
        assert before.state is EpisodeState.CLEARED
    for episode in episodes:
        inside = [e for e in judged if episode.started_at <= e.window_start < episode.ended_at]
        exceeding = [e for e in inside if e.verdict is Verdict.EXCEED]
        assert len(exceeding) == episode.n_exceed >= rule.raise_after
        assert exceeding[0].window_start == episode.started_at
        assert exceeding[-1].window_end == episode.ended_at


@given(texts)
def test_every_exceedance_is_in_exactly_one_episode_when_one_raises(text: str) -> None:
    episodes = fold(windows(text), EpisodeRule(raise_after=1))
    assert sum(episode.n_exceed for episode in episodes) == text.count("x")


@given(texts, rules, st.integers(0, 59))
def test_windows_before_an_episode_do_not_change_it(text: str, rule: EpisodeRule, cut: int) -> None:
    """The consumer folds again from the start of an episode only: the rest must come out the same."""
    judged = windows(text)
    starts = [e.started_at for e in fold(judged, rule)]
    if not starts:
        return
    begin = starts[cut % len(starts)]
    later = [e for e in fold(judged, rule) if e.started_at >= begin]
    assert fold([e for e in judged if e.window_start >= begin], rule) == later


@given(texts, texts, rules)
def test_identified_ids_are_unique_and_folding_again_changes_nothing(
    before: str, after: str, rule: EpisodeRule
) -> None:
    stored = fold(windows(before), rule)
    now = identify(fold(windows(after), rule), stored)
    assert len({e.episode_id for e in now}) == len(now)
    assert identify(fold(windows(after), rule), now) == now
