"""Cards and pages as HTML."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from alerts.pages.cards import Card
from domain.instant import CHINA
from runtime.texts import Lang, load_texts

TEXTS: Final = load_texts("alerts.pages")

_jinja: Final = Environment(
    loader=PackageLoader("alerts.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(name: str, lang: Lang, **values: Any) -> str:
    """A whole page."""
    return _jinja.get_template(name).render(_words(lang) | values)


def fragment(card: Card, lang: Lang, now: datetime, error: str = "") -> str:
    """One card, for the list and for the page that refreshes itself."""
    return _jinja.get_template("card.html").render(_words(lang), card=card, now=now, error=error)


def summary(cards: Sequence[Card], lang: Lang) -> str:
    """How many wait and how many are being worked on."""
    tones = [card.tone for card in cards]
    return TEXTS[lang]["summary"].format(unanswered=tones.count("urgent"), open=tones.count("working"))


def _words(lang: Lang) -> dict[str, Any]:
    return {"t": TEXTS[lang], "lang": lang, "local": _local, "ago": lambda at, now: _ago(at, now, lang)}


def _local(at: datetime) -> str:
    return f"{at.astimezone(CHINA):%m-%d %H:%M}"


def _ago(at: datetime, now: datetime, lang: Lang) -> str:
    minutes = int((now - at).total_seconds()) // 60
    texts = TEXTS[lang]
    if minutes < 1:
        return texts["ago_now"]
    if minutes < 60:
        return texts["ago_minutes"].format(n=minutes)
    if minutes < 48 * 60:
        return texts["ago_hours"].format(n=minutes // 60)
    return texts["ago_days"].format(n=minutes // 1440)
