"""Commands that a platform gives a device, and how the device reacts to them.

A command is answered by 9011 (ready, or why not), may bring data, and ends by 9012 with
the result. None of those given here changes what the device does: the time that is set is
right, and the interval the one that it keeps already.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.conformance.card import Card, Verdict
from domain.instant import CHINA
from ingest.hj212.answer import enclose
from ingest.hj212.key import items
from ingest.hj212.message import Message

ITEMS: Final = {"1061": "get_interval", "1012": "set_time", "1062": "set_interval"}
"""Command → the item of the card that tells of it."""

_SHORTEST_S, _LONGEST_S = 30, 3600


@dataclass(slots=True)
class _Given:
    command: str
    ready: bool = False
    done: bool = False


class Commands:
    """What was commanded on one connection.

    Args:
        card: where reactions are noted.
    """

    def __init__(self, card: Card) -> None:
        self._card = card
        self._given: dict[str, _Given] = {}

    def after_report(self, report: Message, step_s: int | None, now: datetime) -> bytes:
        """The commands that are due, to the device of this report.

        Args:
            report: whose ST, PW and MN are used.
            step_s: the interval that the device keeps, if known, seconds.
            now: the time.
        """
        told = b""
        if not self._has("1061"):
            told += self._give(report, "1061", "", now)
            moment = now.astimezone(CHINA).strftime("%Y%m%d%H%M%S")
            told += self._give(report, "1012", f"SystemTime={moment}", now)
        if step_s is not None and _SHORTEST_S <= step_s <= _LONGEST_S and not self._has("1062"):
            told += self._give(report, "1062", f"RtdInterval={step_s}", now)
        return told

    def hear(self, message: Message) -> None:
        """Take what is no report."""
        given = self._given.get(message.qn)
        if given is None:
            return
        item, values = ITEMS[given.command], {key.code: text for key, text in items(message)}
        if message.command == "9011":
            result = values.get("QNRTN", "")
            given.ready = result == "1"
            if not given.ready:
                self._card.note(item, Verdict.FAIL, f"CN={given.command} was refused: QnRtn={result}")
        elif message.command == "9012":
            result = values.get("EXERTN", "")
            given.done = True
            self._card.check(item, result == "1", f"CN={given.command} failed: ExeRtn={result}")
        elif message.command == "1061":
            interval = values.get("RTDINTERVAL", "")
            self._card.check(item, interval.isdigit(), f"RtdInterval={interval}")

    def end(self) -> None:
        """Note what stayed without a reaction or a result."""
        for given in self._given.values():
            if not given.done:
                told = "9011 came and 9012 did not" if given.ready else "no reaction"
                self._card.note(ITEMS[given.command], Verdict.WARN, f"CN={given.command}: {told}")

    def _has(self, command: str) -> bool:
        return any(given.command == command for given in self._given.values())

    def _give(self, report: Message, command: str, parameters: str, now: datetime) -> bytes:
        qn = now.astimezone(CHINA).strftime("%Y%m%d%H%M%S") + f"{len(self._given) + 1:03d}"
        self._given[qn] = _Given(command)
        flag = 9 if report.protocol_version == "2025" else 5
        named = ((name, report.fields.get(name, "")) for name in ("ST", "CN", "PW", "MN"))
        head = ";".join(f"{name}={command if name == 'CN' else text}" for name, text in named if text)
        return enclose(f"QN={qn};{head};Flag={flag};CP=&&{parameters}&&".encode("latin-1"))
