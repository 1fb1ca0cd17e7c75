"""What a notice (告知) says, and to whom: pure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jinja2 import Environment, StrictUndefined

from alerts.ladder import Step
from alerts.route import SUPERVISION, Post
from domain import health
from domain.case import Nuisance
from domain.factors import FACTORS
from domain.instant import CHINA
from runtime.texts import Lang, load_texts

_NAMESPACE: Final = uuid.UUID("c2b1d7a8-6a55-5d3c-8a0e-5f2f7f1b9d44")

TEXTS: Final[Mapping[Lang, Mapping[str, str]]] = load_texts("alerts")
_jinja: Final = Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701 - plain text


class ChannelName:
    """The ways a notice can go."""

    PAGE: Final = "page"
    WEBHOOK: Final = "webhook"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told.

    Attributes:
        name: a squad's id, or ``supervision``.
        webhook: whether it also has a webhook.
    """

    name: str
    webhook: bool = False

    @classmethod
    def of(cls, post: Post | None) -> "Recipient":
        """The squad at a post; supervision where there is none."""
        return cls(post.squad, bool(post.webhook_url)) if post else cls(SUPERVISION)

    @property
    def channels(self) -> tuple[str, ...]:
        """The built-in page always, the webhook where there is one."""
        return (ChannelName.PAGE, ChannelName.WEBHOOK) if self.webhook else (ChannelName.PAGE,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice to one recipient by one channel.

    Attributes:
        notice_id: also the idempotency key that the channel gets.
        case_id: the case.
        step: which round.
        recipient: a squad's id, or ``supervision``.
        channel: ``page`` or ``webhook``.
        title: one line.
        body: a few lines.
        created_at: when it was written.
        address: where the channel sends it; None for the page.
    """

    notice_id: uuid.UUID
    case_id: int
    step: Step
    recipient: str
    channel: str
    title: str
    body: str
    created_at: datetime
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a notice tells of a case.

    Attributes:
        case_id: the case.
        site_name: the site.
        address: where it is.
        nuisance: what it is about.
        first_offence: the first of its kind in the period.
        device: the device that exceeded.
        factor: what was measured.
        standard: number of the standard.
        limit: id of the limit; of a device's health, which rule.
        clause: where the standard says so.
        value: the exceeding figure.
        limit_value: the limit.
        unit: unit of both.
        window_start: start of the exceeding window.
        window_end: its end.
    """

    case_id: int
    site_name: str
    address: str
    nuisance: Nuisance
    first_offence: bool
    device: str
    factor: str
    standard: str
    limit: str
    clause: str
    value: float
    limit_value: float
    unit: str
    window_start: datetime
    window_end: datetime


def notice_id(case_id: int, step: Step, recipient: str, channel: str) -> uuid.UUID:
    """The same notice has the same id, however often it is written."""
    return uuid.uuid5(_NAMESPACE, f"{case_id}|{step:d}|{recipient}|{channel}")


def case_number(case_id: int) -> str:
    """The number people say and write."""
    return f"YC-{case_id:06d}"


def figure(value: float, beside: float | None = None) -> str:
    """A figure with two decimals, more only where it would look equal to the one beside it."""
    for decimals in (2, 4, 6):
        text = f"{value:.{decimals}f}"
        if value == beside or beside is None or float(text) != beside:
            break
    return text.rstrip("0").rstrip(".")


def subject(factor: str, limit: str, lang: Lang) -> str:
    """What exceeds, or what is wrong with a device; a rule that a city named itself stands as it is."""
    if factor == health.FACTOR:
        return TEXTS[lang].get(f"finding_{limit}", limit)
    known = FACTORS.get(factor)
    return factor if known is None else str(getattr(known, lang))


def span(start: datetime, end: datetime) -> str:
    """A window in China's time: ``11-21 12:00–12:10``."""
    start, end = start.astimezone(CHINA), end.astimezone(CHINA)
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%m-%d %H:%M}"
    return f"{start:%m-%d %H:%M}–{until}"


def write(step: Step, facts: Facts, public_url: str, lang: Lang = "zh") -> tuple[str, str]:
    """Title and body of a notice."""
    texts, name = TEXTS[lang], step.name.lower()
    of = "device_" if facts.nuisance is Nuisance.DEVICE else ""
    words = {
        "facts": facts,
        "number": case_number(facts.case_id),
        "nuisance": texts[facts.nuisance.value],
        "factor": subject(facts.factor, facts.limit, lang),
        "value": figure(facts.value, facts.limit_value),
        "limit": figure(facts.limit_value),
        "window": span(facts.window_start, facts.window_end),
        "link": f"{public_url.rstrip('/')}/cases/{facts.case_id}" if public_url else "",
    }
    title = _jinja.from_string(texts[f"{of}title_{name}"]).render(words)
    body = "body_correction" if step is Step.CORRECTION else "body"
    return title.strip(), _jinja.from_string(texts[of + body]).render(words).strip()
