"""What a platform is tried with: good and bad frames, and which of them it must answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from domain.instant import CHINA
from ingest.hj212.answer import enclose

ANSWER_ITEMS: Final = ("answer_envelope", "answer_fields", "answer_time")
"""What every answer shows, whatever it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something that is sent, and the answers that it must bring.

    Attributes:
        item: what of the card it shows.
        pieces: what is written, each on its own.
        answered: QN of the frames that must be answered, in order; empty for silence.
    """

    item: str
    pieces: tuple[bytes, ...]
    answered: tuple[str, ...] = ()


class Sender:
    """Makes the reports of one device: noise of 50 dB, each a minute older than the one before.

    Args:
        device: its MN.
        password: its PW.
        now: later than every DataTime.
    """

    def __init__(self, device: str, password: str, now: datetime) -> None:
        self._identity = f"PW={password};MN={device}"
        self._now = now.astimezone(CHINA)
        self._numbers = count(1)

    def report(self, flag: int = 5, parts: int = 0) -> tuple[str, list[bytes]]:
        """QN and frames of a report; several frames if it is sent in parts."""
        number = next(self._numbers)
        at = self._now - timedelta(minutes=number)
        qn = f"{self._now:%Y%m%d%H%M%S}{number:03d}"
        head = f"QN={qn};ST=39;CN=2011;{self._identity};Flag={flag}"
        body = f"CP=&&DataTime={at:%Y%m%d%H%M%S};LA-Rtd=50.0,LA-Flag=N&&"
        split = [f"PNUM={parts};PNO={part};" for part in range(1, parts + 1)] or [""]
        return qn, [enclose(f"{head};{part}{body}".encode()) for part in split]


def cases(sender: Sender) -> list[Case]:
    """Everything that is tried, in order; the first shows whether the platform knows the device."""
    (qn, (good,)), (half_qn, (half,)), (rubbish_qn, (behind,)) = (sender.report() for _ in range(3))
    (one_qn, (one,)), (two_qn, (two,)) = sender.report(), sender.report()
    _, (unasked,) = sender.report(flag=4)
    _, (intact,) = sender.report()
    new_qn, (new,) = sender.report(flag=9)
    split_qn, parts = sender.report(flag=7, parts=2)
    return [
        Case(item="answers_report", pieces=(good,), answered=(qn,)),
        Case(item="silent_unasked", pieces=(unasked,)),
        Case(item="silent_on_bad_crc", pieces=(_spoilt(intact),)),
        Case(item="half_frame", pieces=(half[:60], half[60:]), answered=(half_qn,)),
        Case(item="sticky_frames", pieces=(one + two,), answered=(one_qn, two_qn)),
        Case(item="after_rubbish", pieces=(b"AT+CSQ\r\n##01" + behind,), answered=(rubbish_qn,)),
        Case(item="split_message", pieces=tuple(parts), answered=(split_qn, split_qn)),
        Case(item="answers_resend", pieces=(good,), answered=(qn,)),
        Case(item="answers_2025", pieces=(new,), answered=(new_qn,)),
    ]


def _spoilt(frame: bytes) -> bytes:
    """The frame with one digit of its reading changed, so that no rule makes its checksum right."""
    return frame.replace(b"50.0", b"57.0")
