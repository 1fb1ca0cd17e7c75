"""The examination of one HJ 212 device: frames in, answers and commands out, no I/O.

It behaves as a platform does, but for one report that it leaves unanswered until the
device has sent it again, on the same connection or on a new one.
"""

from datetime import datetime, timedelta
from typing import Final

from app.conformance import commands
from app.conformance.card import Card, Verdict
from app.conformance.expected import Expected
from app.conformance.frames import DATA, check_frame
from app.conformance.frames import ITEMS as FRAME_ITEMS
from app.conformance.values import check_interval, usual_step
from domain.errors import Rejected
from ingest.hj212.answer import answer
from ingest.hj212.decode import parse_time
from ingest.hj212.frame import Frame
from ingest.hj212.key import items
from ingest.hj212.message import Message

ITEMS: Final = (*FRAME_ITEMS, "interval", "resend", "accepts_answer", *commands.ITEMS.values())

_WITHHELD: Final = 2  # the second report stays unanswered
_SOON, _LATE = timedelta(seconds=3), timedelta(seconds=60)  # 10 s by table 1, which may be redefined


class Exam:
    """What is known of one device.

    Args:
        subject: its MN, or its address where it tells none.
        expected: what is known of it beforehand.
    """

    def __init__(self, subject: str, expected: Expected) -> None:
        self.card = Card(subject, ITEMS)
        self._expected = expected
        self._reports: dict[str, datetime] = {}  # QN of a report → when it came first
        self._answered: set[str] = set()
        self._withheld: str | None = None
        self._times: list[datetime] = []
        self._commands = commands.Commands(self.card)

    def end(self, now: datetime) -> Card:
        """The time is over; the card is complete."""
        check_interval(self.card, self._times)
        withheld = self._withheld
        waiting = withheld is not None and withheld not in self._answered
        if withheld is not None and waiting and now - self._reports[withheld] > _LATE:
            told = f"QN={withheld} was left unanswered and did not come again"
            self.card.note("resend", Verdict.FAIL, told)
        self._commands.end()
        return self.card

    def hear(self, frame: Frame, now: datetime) -> bytes:
        """Take a frame; return what is to be written."""
        message = check_frame(self.card, frame, now, self._expected)
        if message is None:
            return b""
        if message.command not in DATA:
            self._commands.hear(message)
            return answer(message) or b""
        first = not message.qn or message.qn not in self._reports
        if first:
            self._reports[message.qn] = now
            self._take_time(message)
        elif message.part is None:
            self._hear_again(message.qn, now)
        return self._answer(message, first=first) + self._commands.after_report(
            message, usual_step(self._times), now
        )

    def _answer(self, message: Message, *, first: bool) -> bytes:
        reply = answer(message)
        if reply is None:
            return b""
        if first and message.qn and len(self._reports) == _WITHHELD:
            self._withheld = message.qn
            return b""
        self._answered.add(message.qn)
        return reply

    def _hear_again(self, qn: str, now: datetime) -> None:
        waited = now - self._reports[qn]
        told = f"QN={qn} came again after {waited.total_seconds():.0f} s"
        if qn in self._answered:
            self.card.note("accepts_answer", Verdict.FAIL, f"{told}, though it had its answer")
        elif qn == self._withheld:
            self.card.check("resend", _SOON <= waited <= _LATE, told, Verdict.WARN)

    def _take_time(self, message: Message) -> None:
        if self._answered:
            self.card.note("accepts_answer", Verdict.OK)
        stamps = [text for key, text in items(message) if key.code == "DATATIME" and not key.suffix]
        if message.command == "2011" and stamps:
            try:
                self._times.append(parse_time(stamps[0]))
            except Rejected:
                return  # told at the item of DataTime
