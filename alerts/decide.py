"""What follows from re-judged windows: which limits to fold again, and what changed.

Pure: the SQL is in ``alerts.store``, the doing in ``alerts.casework``.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from alerts.revision import Judged
from domain.allowance import midnight_before
from domain.case import OPEN_STATES, CaseState
from domain.episode import Episode, EpisodeRule, EpisodeState, fold, identify
from domain.evaluation import Evaluation, Verdict


class Key(NamedTuple):
    """What is folded by itself."""

    device: str
    standard: str
    limit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A stored episode and how its case stands.

    Attributes:
        episode: the episode.
        case_id: its case; None where none was opened.
        case_state: the state of that case.
        case_closed_at: when that case ended.
    """

    episode: Episode
    case_id: int | None = None
    case_state: CaseState | None = None
    case_closed_at: datetime | None = None


class Kind(StrEnum):
    """What happened to an episode."""

    RAISED = "raised"  # new, or back after a withdrawal
    CONTINUED = "continued"  # cleared or closed, and exceeding again
    UPDATED = "updated"  # longer, shorter or higher: no event
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"  # late data joined it to another episode


@dataclass(frozen=True, slots=True)
class Change:
    """One episode to be stored.

    Attributes:
        kind: what happened to it.
        episode: as it is to be stored.
        case_id: the case it belongs to so far.
        needs_case: it must be put into the open case of its site.
    """

    kind: Kind
    episode: Episode
    case_id: int | None
    needs_case: bool


def key_of(evaluation: Evaluation) -> Key:
    """Which limit of which device."""
    return Key(evaluation.device, evaluation.standard, evaluation.limit)


def to_fold(
    judged: Iterable[Judged], kept: Mapping[Key, Sequence[Kept]], rule: EpisodeRule
) -> dict[Key, datetime]:
    """The limits to fold again, and from which instant the fold must begin.

    A passing window matters only where it ends or splits an episode; so a quiet city costs no fold.
    """
    begins: dict[Key, datetime] = {}
    for item in judged:
        key = key_of(item.evaluation)
        old = kept.get(key, ())
        if _matters(item, old, rule):
            begin = _begin(item.evaluation, old, rule)
            begins[key] = min(begin, begins.get(key, begin))
    return begins


def to_read(begins: Mapping[Key, datetime], rule: EpisodeRule) -> dict[Key, datetime]:
    """From which instant the evaluations are needed: n a day are counted from local midnight on."""
    return {
        key: midnight_before(begin) if rule.allowed.get((key.standard, key.limit)) else begin
        for key, begin in begins.items()
    }


def earliest_of_interest(judged: Iterable[Judged], rule: EpisodeRule) -> datetime:
    """An episode that ended before it has nothing to do with these windows, unless it is open."""
    return min(_row_begin(item.evaluation, rule) for item in judged) - rule.max_gap


def _row_begin(evaluation: Evaluation, rule: EpisodeRule) -> datetime:
    """Where a row of exceedances that is not yet raised can have begun at the earliest."""
    length = evaluation.window_end - evaluation.window_start
    return evaluation.window_start - (rule.raise_after - 1) * (rule.max_gap + length)


def _matters(item: Judged, kept: Iterable[Kept], rule: EpisodeRule) -> bool:
    verdict, start = item.evaluation.verdict, item.evaluation.window_start
    if Verdict.EXCEED in (verdict, item.before):
        return True
    if item.before is not None and verdict is not item.before and rule.raise_after > 1:
        return True  # a row that was broken by a pass may be whole now
    return any(_reaches(old.episode, start, rule) for old in kept)


def _begin(touched: Evaluation, kept: Iterable[Kept], rule: EpisodeRule) -> datetime:
    """An instant before which the window can change nothing: no episode and no row is under way."""
    begin = _row_begin(touched, rule)
    reaching = [old.episode.started_at for old in kept if _reaches(old.episode, begin, rule)]
    return min([begin, *reaching])


def _reaches(episode: Episode, start: datetime, rule: EpisodeRule) -> bool:
    """Whether a window that starts then can lengthen, split or end the episode."""
    if episode.state is EpisodeState.WITHDRAWN or start < episode.started_at:
        return False
    return episode.state is EpisodeState.OPEN or start <= episode.ended_at + rule.max_gap


def changes(
    evaluations: Sequence[Evaluation], kept: Sequence[Kept], begin: datetime, rule: EpisodeRule
) -> list[Change]:
    """What to change so that the stored episodes are the fold of the evaluations.

    Args:
        evaluations: all stored ones of the limit, from where ``to_read`` said.
        kept: the stored episodes of the limit.
        begin: as ``to_fold`` said; episodes that ended before it stay as they are.
        rule: when an episode begins and ends.
    """
    affected = [old for old in kept if old.episode.ended_at > begin]
    # An episode whose case is still open keeps its id first, so that the case keeps its episode.
    affected.sort(key=lambda old: (not _is_open(old), old.episode.started_at))
    by_id = {old.episode.episode_id: old for old in affected}
    folded = identify(fold(evaluations, rule, begin), [old.episode for old in affected])
    found = [
        change for episode in folded if (change := _compare(episode, by_id.pop(episode.episode_id, None)))
    ]
    return found + _gone(by_id, folded)


def _is_open(old: Kept) -> bool:
    return old.case_state in OPEN_STATES


def _compare(new: Episode, old: Kept | None) -> Change | None:
    if old is None:
        return Change(Kind.RAISED, new, None, needs_case=True)
    if old.episode.state is EpisodeState.WITHDRAWN:
        return Change(Kind.RAISED, new, old.case_id, needs_case=not _is_open(old))
    if new == old.episode:
        return None
    if _outgrew_case(new, old):
        return Change(Kind.CONTINUED, new, old.case_id, needs_case=True)
    return Change(_kind(new.state, old.episode.state), new, old.case_id, needs_case=False)


def _outgrew_case(new: Episode, old: Kept) -> bool:
    """It goes on after its case has ended: that must not stay unseen."""
    if _is_open(old) or new.ended_at <= old.episode.ended_at:
        return False
    return old.case_closed_at is None or new.ended_at > old.case_closed_at


def _kind(new: EpisodeState, old: EpisodeState) -> Kind:
    if new is old:
        return Kind.UPDATED
    return Kind.CLEARED if new is EpisodeState.CLEARED else Kind.CONTINUED


def _gone(rest: Mapping[uuid.UUID, Kept], folded: Sequence[Episode]) -> list[Change]:
    return [
        Change(
            Kind.MERGED if any(old.episode.overlaps(episode) for episode in folded) else Kind.WITHDRAWN,
            replace(old.episode, state=EpisodeState.WITHDRAWN),
            old.case_id,
            needs_case=False,
        )
        for old in rest.values()
        if old.episode.state is not EpisodeState.WITHDRAWN
    ]
