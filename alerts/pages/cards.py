"""A case as one card: what it says and which buttons it has. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.handling import Action
from alerts.ladder import Step
from alerts.notice import TEXTS as NOTICE_TEXTS
from alerts.notice import case_number, figure, span, subject
from alerts.store.views import CaseView
from domain.case import TRANSITIONS, CaseState
from domain.episode import Episode, EpisodeState
from runtime.texts import Lang

PATHS: Final[Mapping[Action, str]] = {
    Action.ACKNOWLEDGE: "acknowledge",
    Action.ON_SITE: "on_site",
    Action.RECTIFIED: "rectified",
    Action.CLOSE: "close",
}
"""Each button's last part of its address."""

ACTIONS: Final[Mapping[str, Action]] = {path: action for action, path in PATHS.items()}

_MOST_LINES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What exceeded.

    Attributes:
        factor: its name, or what is wrong with the device.
        value: the highest figure.
        limit: the limit.
        unit: unit of both.
        when: from when to when.
        count: exceeding windows.
        standard: number of the standard.
        device: the device.
        state: open, cleared or withdrawn.
    """

    factor: str
    value: str
    limit: str
    unit: str
    when: str
    count: int
    standard: str
    device: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button of a card.

    Attributes:
        path: last part of its address.
        label: key of its text.
        needs_reason: whether a reason must be written.
    """

    path: str
    label: str
    needs_reason: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A case as people see it.

    Attributes:
        view: where it comes from.
        number: the number people say.
        nuisance: what it is about.
        tone: ``urgent``, ``working`` or ``ended``.
        since: what "how long ago" counts from.
        lines: what exceeded, the newest first.
        more: episodes that are not listed.
        running: the monitor still exceeds.
        reminder: the step of the ladder, from the second on.
        buttons: what can be done now.
        version: changes whenever the card must be drawn again.
    """

    view: CaseView
    number: str
    nuisance: str
    tone: str
    since: datetime
    lines: Sequence[Line]
    more: int
    running: bool
    reminder: int | None
    buttons: Sequence[Button]
    version: str


def card(view: CaseView, lang: Lang) -> Card:
    """The card of a case."""
    case = view.case
    live = [episode for episode in view.episodes if episode.state is not EpisodeState.WITHDRAWN]
    shown = live or view.episodes
    return Card(
        view=view,
        number=case_number(case.case_id),
        nuisance=NOTICE_TEXTS[lang][case.nuisance.value],
        tone=_tone(case.state),
        since=case.occurred_at if case.is_open else case.closed_at or case.occurred_at,
        lines=[line(episode, lang) for episode in shown[:_MOST_LINES]],
        more=max(0, len(shown) - _MOST_LINES),
        running=any(episode.state is EpisodeState.OPEN for episode in live),
        reminder=view.step if view.step in (Step.AGAIN, Step.SUPERVISE) and case.is_open else None,
        buttons=buttons(case.state),
        version=_version(view, lang),
    )


def _tone(state: CaseState) -> str:
    if state in (CaseState.OPEN, CaseState.NOTIFIED):
        return "urgent"
    return "ended" if state in (CaseState.CLOSED, CaseState.WITHDRAWN) else "working"


def buttons(state: CaseState) -> list[Button]:
    """What a person may do with a case in this state, the usual next thing first."""
    possible = [action for action in Action if action.value in TRANSITIONS[state]]
    possible.sort(key=lambda action: action is Action.ON_SITE and state is CaseState.RECTIFIED)
    return [
        Button(
            path=PATHS[action],
            label="recheck_failed"
            if state is CaseState.RECTIFIED and action is Action.ON_SITE
            else f"do_{PATHS[action]}",
            needs_reason=action is Action.CLOSE,
        )
        for action in possible
    ]


def line(episode: Episode, lang: Lang) -> Line:
    """An episode in words."""
    return Line(
        factor=subject(episode.factor, episode.limit, lang),
        value=figure(episode.peak, episode.limit_value),
        limit=figure(episode.limit_value),
        unit=episode.unit,
        when=span(episode.started_at, episode.ended_at),
        count=episode.n_exceed,
        standard=episode.standard,
        device=episode.device,
        state=episode.state.value,
    )


def _version(view: CaseView, lang: Lang) -> str:
    return hashlib.sha256(repr((view, lang)).encode()).hexdigest()[:16]
