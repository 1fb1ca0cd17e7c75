"""The report card of one device or platform: for each item the worst that was seen, and how often."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """How an item came out, best first."""

    NOT_SEEN = "not_seen"  # nothing happened that would show it
    OK = "ok"
    WARN = "warn"  # understood here, and perhaps not elsewhere
    FAIL = "fail"  # against the standard, or data would be lost


_ORDER = list(Verdict)


class Finding(msgspec.Struct, frozen=True):
    """One item of a card.

    Attributes:
        item: its name in ``texts.toml``.
        verdict: the worst that was seen.
        times: how often that was seen.
        seen: the first thing that led to the verdict, as it was.
    """

    item: str
    verdict: Verdict
    times: int = 0
    seen: str = ""


class Card:
    """Collects verdicts.

    Args:
        subject: the device or platform.
        items: names of the items, in the order in which they are told.
    """

    def __init__(self, subject: str, items: Iterable[str]) -> None:
        self.subject = subject
        self._found = {item: Finding(item, Verdict.NOT_SEEN) for item in items}

    def note(self, item: str, verdict: Verdict, seen: str = "") -> None:
        """Take one verdict on one item."""
        known = self._found[item]
        if verdict == known.verdict:
            self._found[item] = msgspec.structs.replace(known, times=known.times + 1, seen=known.seen or seen)
        elif _ORDER.index(verdict) > _ORDER.index(known.verdict):
            self._found[item] = Finding(item, verdict, 1, seen)

    def check(self, item: str, good: object, seen: str, otherwise: Verdict = Verdict.FAIL) -> bool:
        """Note ``ok`` if it is good and ``otherwise`` if not; whether it is good."""
        self.note(item, Verdict.OK if good else otherwise, "" if good else seen)
        return bool(good)

    def findings(self) -> list[Finding]:
        """Every item, in order."""
        return list(self._found.values())

    @property
    def heard(self) -> bool:
        """Whether anything came that shows an item."""
        return any(found.verdict is not Verdict.NOT_SEEN for found in self._found.values())

    @property
    def failed(self) -> bool:
        """Whether an item failed."""
        return any(found.verdict is Verdict.FAIL for found in self._found.values())
