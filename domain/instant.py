"""Instants and clocks: one way to read and write time.

Inside Yanchen an instant is an aware ``datetime`` at the edges and an ``int`` of epoch
milliseconds in columns. A time without a zone is never guessed here; HJ 212, whose
times are local by definition, says its zone where it decodes.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

CHINA: Final = ZoneInfo("Asia/Shanghai")
"""The zone of the law: windows, nights and days are cut in it."""

CHINA_OFFSET_MS: Final = 8 * 3_600_000
"""China keeps UTC+8 all year (no summer time since 1991)."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    """Epoch milliseconds of an aware datetime, exact (no float in between)."""
    return (at - _EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """The instant of epoch milliseconds, in China's time."""
    return (_EPOCH + ms * _MS).astimezone(CHINA)


def iso(at: datetime) -> str:
    """ISO 8601 in China's time: seconds, and milliseconds only where there are any."""
    local = at.astimezone(CHINA)
    return local.isoformat(timespec="milliseconds" if local.microsecond else "seconds")
