"""Windows (评价时段): clock-aligned in China's time, ``[start, end)``, in event time.

All instants here are epoch milliseconds. A window is named by its start. Because a window
length divides the day and China keeps UTC+8 all year, aligning is one floor division.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, overload

import numpy as np
import numpy.typing as npt

from domain.instant import CHINA_OFFSET_MS, from_ms

Int64s = npt.NDArray[np.int64]

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
DAY_MINUTES: Final = 1_440

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


@overload
def window_start(at_ms: int, length_ms: int) -> int: ...
@overload
def window_start(at_ms: Int64s, length_ms: int) -> Int64s: ...
def window_start(at_ms: int | Int64s, length_ms: int) -> int | Int64s:
    """Start of the window of that length (ms, a divisor of the day) that holds the instant."""
    return (at_ms + CHINA_OFFSET_MS) // length_ms * length_ms - CHINA_OFFSET_MS


def local_day(start_ms: int) -> date:
    """The local calendar day on which a window starts; it decides which limits hold."""
    return date.fromordinal(_EPOCH_ORDINAL + (start_ms + CHINA_OFFSET_MS) // DAY_MS)


def minute_of_day(start_ms: int) -> int:
    """Minutes from local midnight to a window's start; it decides between day and night."""
    return (start_ms + CHINA_OFFSET_MS) % DAY_MS // MINUTE_MS


@dataclass(frozen=True, slots=True)
class Window:
    """One window with what judging asks of it, computed once for all devices.

    Attributes:
        start_ms: start, epoch milliseconds.
        start: start, aware.
        end: end (excluded), aware.
        day: local calendar day of its start.
        minute: minutes from local midnight to its start.
    """

    start_ms: int
    start: datetime
    end: datetime
    day: date
    minute: int


def window(start_ms: int, length_ms: int) -> Window:
    """The window of that length (ms) that starts there."""
    return Window(
        start_ms,
        from_ms(start_ms),
        from_ms(start_ms + length_ms),
        local_day(start_ms),
        minute_of_day(start_ms),
    )
