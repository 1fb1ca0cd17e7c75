"""One connection of a device under examination: bytes in, frames to its exam, answers out."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from app.conformance.exam import Exam
from app.conformance.frames import check_line_end, check_refused
from domain.errors import Rejected
from ingest.hj212.frame import Frame, Refused
from ingest.hj212.framer import Framer
from ingest.hj212.message import parse

_KEPT_BYTES: Final = 65_536


class Line:
    """A connection.

    Args:
        peer: its address.
        exam_of: the exam of a device by its name; made when it is first heard of.
    """

    def __init__(self, peer: str, exam_of: Callable[[str], Exam]) -> None:
        self._peer = peer
        self._exam_of = exam_of
        self._exam: Exam | None = None
        self._framer = Framer()
        self._stream = bytearray()
        self._line_ends: list[int] = []  # where a frame has ended and its line end is to come
        self._refused: list[Refused] = []  # before the device was known

    def receive(self, data: bytes, now: datetime) -> bytes:
        """Take what was read; return what is to be written."""
        self._stream += data
        told = b""
        for found in self._framer.feed(data):
            if isinstance(found, Frame):
                self._line_ends.append(self._stream.rfind(found.raw) + len(found.raw))
                self._exam = self._exam_of(_device(found) or self._peer)
                told += self._exam.hear(found, now)
            else:
                self._refused.append(found)
        self._settle(complete=False)
        return told

    def end(self) -> None:
        """The connection is closed."""
        self._refused += [found for found in self._framer.flush() if isinstance(found, Refused)]
        if self._exam is None and self._refused:
            self._exam = self._exam_of(self._peer)
        self._settle(complete=True)

    def _settle(self, *, complete: bool) -> None:
        """Note what is certain by now of bytes outside the frames."""
        if self._exam is None:
            return
        for refused in self._refused:
            check_refused(self._exam.card, refused)
        self._refused.clear()
        waiting = []
        for end in self._line_ends:
            if complete or len(self._stream) >= end + 2:
                check_line_end(self._exam.card, bytes(self._stream[end : end + 2]))
            else:
                waiting.append(end)
        self._line_ends = waiting
        if not waiting and len(self._stream) > _KEPT_BYTES:
            del self._stream[: -_KEPT_BYTES // 4]


def _device(frame: Frame) -> str:
    try:
        return parse(frame.data).device
    except Rejected:
        return ""
