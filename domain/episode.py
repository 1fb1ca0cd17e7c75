"""Episodes (超标过程): consecutive exceedances of one limit at one device.

The law of this file: episodes are a pure function of the evaluations. Late data changes
the evaluations, the fold is done again, and withdrawal follows by itself.
Exceedances that a standard allows a day (domain/allowance.py) are no part of an episode: they
neither begin nor lengthen nor end one.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.allowance import Allowed, with_allowance
from domain.evaluation import Evaluation, Verdict

_NAMESPACE: Final = uuid.UUID("0f6f3c52-5b0f-5d54-8b3d-3a1f3c1b7e02")


class EpisodeState(StrEnum):
    """Where an episode stands."""

    OPEN = "open"  # still exceeding
    CLEARED = "cleared"  # enough passing windows, or a long silence
    WITHDRAWN = "withdrawn"  # late data took its exceedance back


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeRule:
    """When an episode begins and ends.

    Attributes:
        raise_after: exceeding windows in a row that raise it.
        clear_after: passing windows in a row that end it.
        max_gap: time without an exceeding window that ends it even if nothing passed;
            shorter gaps (no data, invalid, indeterminate) are joined.
        allowed: exceeding windows a day that standards allow.
    """

    raise_after: int = 1
    clear_after: int = 2
    max_gap: timedelta = timedelta(hours=3)
    allowed: Allowed = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One episode.

    Attributes:
        episode_id: made of standard, limit, device and the first exceeding window known at first.
        device: the device.
        standard: number of the standard.
        limit: id of the limit in its pack.
        factor: the judged factor.
        state: open, cleared or withdrawn.
        started_at: start of its first exceeding window.
        ended_at: end of its last exceeding window so far.
        n_exceed: exceeding windows in it.
        peak: the highest value of them, in ``unit``.
        limit_value: what was exceeded.
        unit: unit of both.
    """

    episode_id: uuid.UUID
    device: str
    standard: str
    limit: str
    factor: str
    state: EpisodeState
    started_at: datetime
    ended_at: datetime
    n_exceed: int
    peak: float
    limit_value: float
    unit: str

    def overlaps(self, other: "Episode") -> bool:
        """Whether both cover a common instant."""
        return self.started_at < other.ended_at and other.started_at < self.ended_at


def episode_id(standard: str, limit: str, device: str, started_at: datetime) -> uuid.UUID:
    """The id of an episode that is seen for the first time."""
    return uuid.uuid5(_NAMESPACE, f"{standard}|{limit}|{device}|{started_at.timestamp():.3f}")


def fold(
    evaluations: Iterable[Evaluation], rule: EpisodeRule, begin: datetime | None = None
) -> list[Episode]:
    """The episodes in the evaluations of one (device, standard, limit).

    Args:
        evaluations: in the order of their windows, the newest revision of each.
        rule: when an episode begins and ends.
        begin: windows that start before it count towards what is allowed on their day, no more.

    Returns:
        Episodes in order of time, with first-seen ids (see ``identify``); only the last can be open.
    """
    weighed = (
        pair
        for pair in with_allowance(evaluations, rule.allowed)
        if begin is None or pair[0].window_start >= begin
    )
    return [_episode(run, state) for run, state in _runs(weighed, rule) if len(run) >= rule.raise_after]


def _runs(
    weighed: Iterable[tuple[Evaluation, bool]], rule: EpisodeRule
) -> Iterator[tuple[list[Evaluation], EpisodeState]]:
    run: list[Evaluation] = []
    passes = 0
    for evaluation, is_allowed in weighed:
        if run and evaluation.window_start - run[-1].window_end > rule.max_gap:
            yield run, EpisodeState.CLEARED
            run = []
        if is_allowed:
            continue
        if evaluation.verdict is Verdict.EXCEED:
            run.append(evaluation)
            passes = 0
        elif evaluation.verdict is Verdict.PASS and run:
            passes += 1
            # Before it is raised, one passing window breaks the row.
            if passes >= rule.clear_after or len(run) < rule.raise_after:
                yield run, EpisodeState.CLEARED
                run = []
    if run:
        yield run, EpisodeState.OPEN


def _episode(run: Sequence[Evaluation], state: EpisodeState) -> Episode:
    first = run[0]
    values = [evaluation.value for evaluation in run if evaluation.value is not None]
    return Episode(
        episode_id=episode_id(first.standard, first.limit, first.device, first.window_start),
        device=first.device,
        standard=first.standard,
        limit=first.limit,
        factor=first.factor,
        state=state,
        started_at=first.window_start,
        ended_at=run[-1].window_end,
        n_exceed=len(run),
        peak=max(values, default=first.limit_value),
        limit_value=first.limit_value,
        unit=first.unit,
    )


def identify(folded: Sequence[Episode], stored: Sequence[Episode]) -> list[Episode]:
    """Give folded episodes the ids of the stored ones that they are.

    A folded episode whose first-seen id is stored is that episode. Otherwise it is the first
    stored episode, not withdrawn and not taken, that overlaps it: so late data may move the
    start backwards and the episode stays the same. What remains is new.

    Args:
        folded: as ``fold`` gave them.
        stored: of the same (device, standard, limit), in order of preference.
    """
    known = {episode.episode_id for episode in stored}
    taken = {episode.episode_id for episode in folded} & known
    result: list[Episode] = []
    for episode in folded:
        if episode.episode_id in known:
            result.append(episode)
            continue
        same = next((old for old in stored if _may_be(old, episode, taken)), None)
        if same is not None:
            taken.add(same.episode_id)
            episode = replace(episode, episode_id=same.episode_id)  # noqa: PLW2901 - the same, renamed
        result.append(episode)
    return result


def _may_be(old: Episode, episode: Episode, taken: set[uuid.UUID]) -> bool:
    return old.state is not EpisodeState.WITHDRAWN and old.episode_id not in taken and old.overlaps(episode)
