"""Cards as JSON lines for machines and as text for people, in Chinese or English."""

import json
from collections.abc import Iterable, Iterator
from typing import Final

from app.conformance.card import Card, Verdict
from runtime.texts import Lang, load_texts

_TEXTS: Final = load_texts("app.conformance")
_MARKS: Final = {Verdict.OK: "✓", Verdict.WARN: "!", Verdict.FAIL: "✗", Verdict.NOT_SEEN: "·"}


def json_lines(cards: Iterable[Card], lang: Lang) -> Iterator[str]:
    """One object for each item of each card."""
    texts = _TEXTS[lang]
    for card in cards:
        for found in card.findings():
            told = {
                "subject": card.subject,
                "item": found.item,
                "verdict": found.verdict,
                "times": found.times,
                "seen": found.seen,
                "title": texts[found.item],
                "clause": texts[f"{found.item}.clause"],
                "remedy": texts[f"{found.item}.remedy"] if _wants_remedy(found.verdict) else "",
            }
            yield json.dumps(told, ensure_ascii=False)


def text(cards: Iterable[Card], lang: Lang) -> Iterator[str]:
    """Lines to read: every item, and under what is wrong the remedy and the clause."""
    texts = _TEXTS[lang]
    told = list(cards)
    if not told:
        yield texts["nothing"]
    for card in told:
        findings = card.findings()
        counts = {verdict: sum(found.verdict is verdict for found in findings) for verdict in Verdict}
        totals = ", ".join(f"{texts[verdict]} {count}" for verdict, count in counts.items() if count)
        yield f"{card.subject}: {totals if card.heard else texts['nothing']}"
        for found in findings:
            times = f" ×{found.times}" if found.times > 1 else ""
            seen = f": {found.seen}{times}" if found.seen else ""
            yield f"  {_MARKS[found.verdict]} {texts[found.item]}{seen}"
            if _wants_remedy(found.verdict):
                yield f"      → {texts[f'{found.item}.remedy']} [{texts[f'{found.item}.clause']}]"


def _wants_remedy(verdict: Verdict) -> bool:
    return verdict in {Verdict.WARN, Verdict.FAIL}
