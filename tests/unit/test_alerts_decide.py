"""Folding again only what a batch touches gives what folding everything would give."""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.decide import Change, Kept, Kind, changes, key_of, to_fold, to_read
from alerts.revision import Judged, Standing, judged, newest, supersedes
from domain.case import CaseState
from domain.episode import Episode, EpisodeRule, EpisodeState, fold
from domain.evaluation import Evaluation, Verdict
from domain.instant import CHINA

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=CHINA)
TEN = timedelta(minutes=10)
LETTERS = {"x": Verdict.EXCEED, ".": Verdict.PASS, "?": Verdict.INVALID}
RULE = EpisodeRule()


def window(position: int, letter: str, revision: int = 1, final: bool = True) -> Evaluation:
    return Evaluation(
        device="d7",
        standard="GB 18483-2001",
        limit="oil_fume",
        factor="oil_fume",
        window_start=NOON + position * TEN,
        window_end=NOON + (position + 1) * TEN,
        statistic="mean",
        value=3.0 if letter == "x" else 1.0,
        limit_value=2.0,
        unit="mg/m³",
        verdict=LETTERS[letter],
        n_valid=10,
        n_expected=10,
        adjustments=(),
        clause="5.1",
        revision=revision,
        final=final,
    )


def windows(text: str) -> list[Evaluation]:
    return [window(position, letter) for position, letter in enumerate(text) if letter != " "]


def kept_of(text: str, state: CaseState | None = CaseState.NOTIFIED) -> list[Kept]:
    return [Kept(episode=episode, case_id=1, case_state=state) for episode in fold(windows(text), RULE)]


def decide(before: str, after: str, state: CaseState | None = CaseState.NOTIFIED) -> list[Change]:
    """The changes when the windows of ``before`` become those of ``after``."""
    batch = [
        Judged(new, None if old == " " else LETTERS[old])
        for position, (old, letter) in enumerate(zip(before.ljust(len(after)), after, strict=True))
        if letter not in (" ", old)
        for new in [window(position, letter, revision=2)]
    ]
    kept = kept_of(before, state)
    begins = to_fold(batch, {key_of(window(0, "x")): kept}, RULE)
    if not begins:
        return []
    begin = begins[key_of(window(0, "x"))]
    rows = [row for row in windows(after) if row.window_start >= begin]
    return changes(rows, kept, begin, RULE)


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ("..", "...", []),  # a quiet device costs nothing
        ("..", "..?", []),
        ("..", "..x", [Kind.RAISED]),
        ("..x", "..xx", [Kind.UPDATED]),
        ("..x.", "..x..", [Kind.CLEARED]),
        ("x..", "x..x", [Kind.RAISED]),
        ("x..", "...", [Kind.WITHDRAWN]),
        ("xx..", ".x..", [Kind.UPDATED]),
        ("x.x..", "x....", [Kind.UPDATED]),
        ("x   x", "x.. x", [Kind.CLEARED, Kind.RAISED]),  # late passes split it
        ("x..x", "x?.x", [Kind.CONTINUED, Kind.MERGED]),
        ("x..", "x.?", [Kind.CONTINUED]),
        ("x" + " " * 20, "x" + " " * 20 + ".", [Kind.CLEARED]),  # long silence
    ],
)
def test_changes(before: str, after: str, kinds: list[Kind]) -> None:
    assert [change.kind for change in decide(before, after)] == kinds


def test_what_is_raised_needs_a_case_and_what_goes_on_keeps_its_own() -> None:
    assert [change.needs_case for change in decide("..", "..x")] == [True]
    assert [(c.needs_case, c.case_id) for c in decide("..x", "..xx")] == [(False, 1)]


def test_an_episode_that_goes_on_after_its_case_was_closed_needs_a_new_one() -> None:
    change = decide("..x", "..xx", CaseState.CLOSED)[0]
    assert (change.kind, change.needs_case) == (Kind.CONTINUED, True)


def test_late_data_inside_a_closed_case_leaves_it_closed() -> None:
    kept = [replace(kept_of("x.x..", CaseState.CLOSED)[0], case_closed_at=NOON + timedelta(hours=5))]
    found = changes(windows("xxx.."), kept, NOON, RULE)
    assert [(c.kind, c.needs_case) for c in found] == [(Kind.UPDATED, False)]


def test_a_withdrawn_episode_that_holds_again_is_raised_again() -> None:
    old = kept_of("x", CaseState.WITHDRAWN)[0]
    gone = replace(old, episode=replace(old.episode, state=EpisodeState.WITHDRAWN))
    found = changes(windows("x"), [gone], NOON, RULE)
    assert [(c.kind, c.needs_case, c.episode.episode_id) for c in found] == [
        (Kind.RAISED, True, old.episode.episode_id)
    ]


def test_of_merged_episodes_the_one_with_the_open_case_lives_on() -> None:
    first, second = kept_of("x..x")
    kept = [replace(first, case_state=CaseState.CLOSED), second]
    found = changes(windows("x?.x"), kept, NOON, RULE)
    by_kind = {change.kind: change for change in found}
    # The folded episode's first-seen id is the first one's; it is claimed by that.
    assert by_kind[Kind.MERGED].episode.state is EpisodeState.WITHDRAWN
    assert len(found) == 2


texts = st.text(alphabet="x.? ", max_size=40)
rules = st.builds(
    EpisodeRule,
    raise_after=st.integers(1, 3),
    clear_after=st.integers(1, 3),
    max_gap=st.sampled_from([timedelta(minutes=m) for m in (0, 10, 20, 60, 180)]),
    allowed=st.sampled_from([{}, {("GB 18483-2001", "oil_fume"): 1}, {("GB 18483-2001", "oil_fume"): 2}]),
)
steps = st.lists(
    st.lists(st.tuples(st.integers(0, 99), st.sampled_from("x.?")), min_size=1, max_size=4), max_size=12
)


@given(steps, rules)
def test_batch_by_batch_equals_folding_everything(
    batches: list[list[tuple[int, str]]], rule: EpisodeRule
) -> None:
    stored: dict[uuid.UUID, Evaluation] = {}
    episodes: dict[uuid.UUID, Episode] = {}
    key = key_of(window(0, "x"))
    for number, batch in enumerate(batches, start=1):
        fresh = newest(window(position, letter, number) for position, letter in batch)
        standing = {k: Standing(e.revision, e.final, e.verdict) for k, e in stored.items()}
        counting = judged(fresh, standing)
        stored |= {item.evaluation.id: item.evaluation for item in counting}
        kept = [
            Kept(episode=episode, case_id=1, case_state=CaseState.NOTIFIED) for episode in episodes.values()
        ]
        begins = to_fold(counting, {key: kept}, rule)
        rows = sorted(stored.values(), key=lambda e: e.window_start)
        if key in begins:
            read = to_read(begins, rule)[key]
            near = [row for row in rows if row.window_start >= read]
            for change in changes(near, kept, begins[key], rule):
                episodes[change.episode.episode_id] = change.episode
        assert live(list(episodes.values())) == live(fold(rows, rule))


def live(episodes: list[Episode]) -> list[Episode]:
    """Without ids, which depend on the history, and without what is withdrawn."""
    nameless = [replace(e, episode_id=uuid.UUID(int=0)) for e in episodes if e.state != "withdrawn"]
    return sorted(nameless, key=lambda e: e.started_at)


@pytest.mark.parametrize(
    ("new", "old", "wins"),
    [
        ((2, False), (1, True), True),
        ((1, True), (1, False), True),
        ((1, True), (1, True), False),
        ((1, False), (1, True), False),
        ((1, True), (2, False), False),
    ],
)
def test_which_revision_counts(new: tuple[int, bool], old: tuple[int, bool], wins: bool) -> None:
    assert supersedes(window(0, "x", *new), window(0, "x", *old)) is wins


def test_of_a_batch_only_what_is_newer_than_the_stored_counts() -> None:
    batch = newest([window(0, "x", 1), window(0, ".", 2), window(1, "x", 1)])
    standing = {window(1, "x").id: Standing(1, final=True, verdict=Verdict.EXCEED)}
    assert judged(batch, standing) == [Judged(window(0, ".", 2), None)]


def test_an_evaluation_survives_the_struct_round_trip() -> None:
    assert msgspec.convert(msgspec.to_builtins(window(0, "x")), Evaluation) == window(0, "x")
