"""The events of a case in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.chain import ENGINE, Event
from alerts.notice import figure
from alerts.pages.render import TEXTS
from alerts.route import SUPERVISION
from domain.factors import FACTORS
from runtime.texts import Lang


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event in words.

    Attributes:
        seq: its place.
        at: when.
        what: what happened.
        who: a person's name, or the system.
        remark: more about it; may be empty.
        digest: the beginning of its hash.
        by_person: a person did it.
    """

    seq: int
    at: datetime
    what: str
    who: str
    remark: str
    digest: str
    by_person: bool


def entries(events: Sequence[Event], squads: Mapping[str, str], lang: Lang) -> list[Entry]:
    """The trail of a case."""
    return [_entry(event, squads, lang) for event in events]


def _entry(event: Event, squads: Mapping[str, str], lang: Lang) -> Entry:
    texts = TEXTS[lang]
    by_person = event.actor != ENGINE
    return Entry(
        seq=event.seq,
        at=event.at,
        what=texts.get(f"event_{event.kind}", event.kind),
        who=str(event.detail.get("name") or event.actor) if by_person else texts["engine"],
        remark=_remark(event, squads, lang),
        digest=event.hash[:8],
        by_person=by_person,
    )


def _remark(event: Event, squads: Mapping[str, str], lang: Lang) -> str:
    texts, detail = TEXTS[lang], event.detail
    if "peak" in detail:
        return _exceedance(detail, lang)
    if "recipient" in detail:
        name = texts["supervision"] if detail["recipient"] == SUPERVISION else detail["recipient"]
        parts = [texts[f"step_{detail['step']}"], squads.get(detail["recipient"], name)]
        parts += [texts[f"channel_{detail['channel']}"]] if "channel" in detail else []
        return " · ".join([*parts, *([detail["reason"]] if detail.get("reason") else [])])
    if event.kind == "reassigned":
        return f"{squads.get(detail['from'], '—')} → {squads.get(detail['to'], detail['to'])}"
    return str(detail.get("note", ""))


def _exceedance(detail: Mapping[str, object], lang: Lang) -> str:
    factor = FACTORS.get(str(detail["factor"]))
    peak, limit = float(str(detail["peak"])), float(str(detail["limit_value"]))
    said = TEXTS[lang]["exceeds"].format(value=figure(peak, limit), unit=detail["unit"], limit=figure(limit))
    return f"{getattr(factor, lang) if factor else detail['factor']} {said} · {detail['device']}"
