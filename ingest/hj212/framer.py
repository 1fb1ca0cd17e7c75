"""Finding frames in a stream of bytes, however it was cut into packets.

Every decision depends on the bytes alone, never on where a read ended: fed whole or byte
by byte the result is the same. Memory is bounded by the longest frame, time by a constant
per byte, whatever comes in.

A frame begins at ``##`` and a length. It ends at the first ``&&`` whose checksum is right
by a known rule; the declared length is a witness only, since devices count it in many
ways. Where none comes before the end of the line or the next header, the whole is refused.

A frame as the standard has it that lies whole in the buffer needs no search: it is matched
at once, by the same rule.
"""

import re
from typing import Final

from ingest.hj212.frame import (
    HEADER,
    STANDARD,
    Frame,
    Refused,
    close_frame,
    close_standard,
    close_without_end,
    opens_body,
    refuse_frame,
)
from ingest.hj212.rubbish import Rubbish

MAX_FRAME_BYTES: Final = 8192
"""HJ 212-2017 allows 1 036; frames of 1 635 have been seen."""

_SLICE_BYTES: Final = 16_384  # looking for what never comes costs a slice each time, not all the input
_ENDS_TRIED: Final = 4  # checksums computed per frame, so that "&&0&&0&&0…" costs no more than others
_HEADER_BYTES: Final = 8  # ##, five digits, and the byte that ends them
_OPENING_BYTES: Final = 20
_CUT_HEADER: Final = re.compile(rb"#(?:#\d{0,5})?\Z")
_BLANKS: Final = re.compile(rb"[\s\0]*")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{0,4}")


class Framer:
    """An incremental framer for one connection, file or payload.

    Args:
        max_bytes: longest frame, at least 64; one that does not end within it is rubbish.
        lines_apart: so many lines of rubbish between two frames are refused one by one
            (they are unframed bodies, more often than not); what follows is refused as one.
    """

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES, lines_apart: int = 32) -> None:
        self._max_bytes = max(max_bytes, 64)
        self._lines_apart = lines_apart
        self._buffer = bytearray()
        self._at = 0  # the first byte of the buffer that is not dealt with
        self._rubbish = Rubbish()
        self._lines = 0  # lines of rubbish since the last header
        self._prefix = b""
        self._framed = False
        self._scanned = 0  # within a frame: no end before this byte
        self._opened = False  # within a frame: the && of CP=&& has passed
        self._ends = 0  # within a frame: checksums computed
        self._found: list[Frame | Refused] = []

    @property
    def rubbish(self) -> int:
        """Bytes of rubbish in the current run, not refused yet."""
        return self._rubbish.size

    def feed(self, data: bytes) -> list[Frame | Refused]:
        """Take the next bytes; return what is certain by now."""
        found: list[Frame | Refused] = []
        for start in range(0, len(data), _SLICE_BYTES):
            self._buffer += data[start : start + _SLICE_BYTES]
            found += self._run(final=False)
        return found

    def flush(self) -> list[Frame | Refused]:
        """End of input: return what remains. The framer may be used again."""
        found = self._run(final=True)
        self._lines = 0
        return found

    def _run(self, *, final: bool) -> list[Frame | Refused]:
        while self._in_frame(final) if self._framed else self._between(final):
            pass
        del self._buffer[: self._at]
        self._scanned -= self._at
        self._at = 0
        found, self._found = self._found, []
        return found

    # Between frames ---------------------------------------------------------------------

    def _between(self, final: bool) -> bool:
        """Take rubbish up to a header, a line end or the end; whether to go on."""
        buffer = self._buffer
        if not self._rubbish.size:
            if blanks := _BLANKS.match(buffer, self._at):
                self._at = blanks.end()
            if self._at == len(buffer):
                return False
            if self._standard():
                return True
        line_end = self._line_end(self._at, len(buffer)) if self._lines < self._lines_apart else -1
        header = HEADER.search(buffer, self._at, len(buffer) if line_end < 0 else line_end + 1)
        if header:
            self._take_rubbish(header.start())
            self._enter_frame()
        elif line_end >= 0:
            self._take_rubbish(line_end)
            self._lines += self._refuse_rubbish()
        else:
            self._take_rubbish(len(buffer) if final else self._held_back())
            if final:
                self._refuse_rubbish()
        return header is not None or line_end >= 0

    def _standard(self) -> bool:
        """Take a frame that is as the standard has it, and whole."""
        match = STANDARD.match(self._buffer, self._at)
        if match is None or match.end() - self._at > self._max_bytes:
            return False
        frame = close_standard(match)
        if frame is None:
            return False
        self._found.append(frame)
        self._at = match.end()
        self._lines = 0
        return True

    def _line_end(self, start: int, stop: int) -> int:
        line_feed = self._buffer.find(b"\n", start, stop)
        carriage_return = self._buffer.find(b"\r", start, stop if line_feed < 0 else line_feed)
        return line_feed if carriage_return < 0 else carriage_return

    def _held_back(self) -> int:
        """Where the first bytes of a header may stand at the end of the buffer."""
        tail = max(self._at, len(self._buffer) - _HEADER_BYTES + 1)
        cut = _CUT_HEADER.search(self._buffer, tail)
        return cut.start() if cut else len(self._buffer)

    def _take_rubbish(self, stop: int, *, overlong: bool = False) -> None:
        self._rubbish.take(self._buffer, self._at, stop, overlong=overlong)
        self._at = stop

    def _refuse_rubbish(self) -> bool:
        refused = self._rubbish.refuse()
        if refused:
            self._found.append(refused)
        return refused is not None

    def _enter_frame(self) -> None:
        prefix = self._rubbish.as_prefix()
        if prefix is None:
            self._refuse_rubbish()
        self._prefix = prefix or b""
        self._framed = True
        self._lines = 0
        self._scanned = self._at + 2

    # Within a frame ---------------------------------------------------------------------

    def _in_frame(self, final: bool) -> bool:
        """Look for what ends the frame; whether to go on."""
        limit = min(len(self._buffer), self._at + self._max_bytes)
        overlong = limit == self._at + self._max_bytes
        complete = final or overlong  # no byte that is still to come could change the decision
        end = self._buffer.find(b"&&", self._scanned, limit)
        cut = self._cut(limit if end < 0 else end, limit)
        if cut is not None:
            return self._give_up(cut)
        if end >= 0:
            return self._try_end(end, limit, complete)
        if overlong:
            self._take_rubbish(limit - _HEADER_BYTES, overlong=True)
            self._leave_frame()
            return True
        self._scanned = max(self._scanned, min(limit - 1, self._held_back()))
        return final and self._give_up(limit)

    def _cut(self, stop: int, limit: int) -> int | None:
        """Where a line end or another header cuts the frame."""
        line_end = self._line_end(self._scanned, stop)
        stop = stop if line_end < 0 else line_end
        start = self._scanned
        while (start := self._buffer.find(b"##", start, stop)) >= 0:
            if HEADER.match(self._buffer, start, limit):
                return start
            start += 1
        return None if line_end < 0 else line_end

    def _try_end(self, end: int, limit: int, complete: bool) -> bool:
        """Whether the frame ends at this ``&&``; if not, go on behind it."""
        if not self._opened and opens_body(bytes(self._buffer[max(self._at, end - _OPENING_BYTES) : end])):
            self._opened = True
            self._scanned = end + 2
            return True
        digits = _HEX.match(self._buffer, end + 2, limit)
        assert digits is not None
        if digits.end() == limit and len(digits[0]) < 4 and not complete:
            self._scanned = end
            return False
        self._opened = True
        self._scanned = end + 1
        if digits[0] and self._ends < _ENDS_TRIED:
            self._ends += 1
            self._accept(end + 2, digits.end())
        return True

    def _accept(self, data_end: int, crc_end: int) -> None:
        segment = bytes(self._buffer[self._at : data_end])
        frame = close_frame(segment, bytes(self._buffer[data_end:crc_end]), self._prefix)
        if frame:
            self._found.append(frame)
            self._at = crc_end
            self._leave_frame()

    def _give_up(self, stop: int) -> bool:
        raw = bytes(self._buffer[self._at : stop])
        frame = None if self._ends else close_without_end(raw, self._prefix)
        self._found.append(frame or refuse_frame(raw))
        self._at = stop
        self._leave_frame()
        return True

    def _leave_frame(self) -> None:
        self._framed = False
        self._scanned = self._at
        self._opened = False
        self._ends = 0
