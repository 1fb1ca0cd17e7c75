"""A run of bytes outside any frame: counted whole, kept in part, refused once."""

import re
from typing import Final

from ingest.hj212.frame import KEPT_BYTES, Refused, refuse_rubbish

_PREFIX_BYTES: Final = 128
_BLANK: Final = re.compile(rb"(?:\\[rn]|[\s\0])*")  # with a \r\n that somebody logged as text


class Rubbish:
    """The current run; empty at first and after ``refuse`` or ``as_prefix``."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._sample = bytearray()
        self._overlong = False
        self.size = 0

    def take(self, buffer: bytearray, start: int, stop: int, *, overlong: bool = False) -> None:
        """Add ``buffer[start:stop]``; ``overlong`` if it begins a frame that did not end."""
        room = KEPT_BYTES - len(self._sample)
        self._sample += buffer[start : min(stop, start + room)]
        self._overlong |= overlong
        self.size += stop - start

    def refuse(self) -> Refused | None:
        """End the run; nothing if it was blank."""
        sample, size, overlong = bytes(self._sample), self.size, self._overlong
        self._clear()
        return None if _BLANK.fullmatch(sample) else refuse_rubbish(sample, size, overlong=overlong)

    def as_prefix(self) -> bytes | None:
        """End the run as what stands on the line in front of a frame, if it is that short."""
        if self._overlong or self.size > _PREFIX_BYTES or {*b"\r\n"} & {*self._sample}:
            return None
        prefix = bytes(self._sample)
        self._clear()
        blank = _BLANK.match(prefix)
        return prefix[blank.end() :] if blank else prefix
