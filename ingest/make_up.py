"""Make-up upload (补传): which stretches of time to ask a device for again, and when to stop asking.

Pure: gaps, what was asked before and the time of now are arguments. A gap that the device has
filled is gone from the ledger, so nothing has to be told about success. ``ingest.make_up_rounds`` asks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from runtime.ledger import Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How a device is asked.

    Attributes:
        settle: age of a gap's end before the first asking; the device may be sending by itself.
        reach: what lies longer ago than this is left as it is.
        span: longest stretch of one asking; longer gaps are asked for piece by piece, newest first.
        attempts: so many for each stretch.
        pause: wait before the second attempt; doubles with each.
        at_once: stretches of one device that are asked for in one round.
    """

    settle: timedelta = timedelta(minutes=10)
    reach: timedelta = timedelta(days=7)
    span: timedelta = timedelta(hours=6)
    attempts: int = 3
    pause: timedelta = timedelta(minutes=30)
    at_once: int = 2


@dataclass(frozen=True, slots=True, order=True)
class Stretch:
    """A span of measuring times that a device is asked for, both ends included."""

    device: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """How often a stretch was asked for, and when last."""

    times: int
    last: datetime


def gaps(found: Iterable[Gap], now: datetime, patience: Patience | None = None) -> list[Stretch]:
    """The stretches of time in which reports are missing and can still be had, newest first.

    Args:
        found: gaps of the ledger.
        now: the time.
        patience: how long to let gaps settle, and how far to reach back.
    """
    patience = patience or Patience()
    stretches: set[Stretch] = set()
    for gap in found:
        if now - gap.after_at >= patience.settle:
            stretches |= _pieces(gap, now - patience.reach, patience.span)
    return sorted(stretches, key=lambda one: (one.end, one.device), reverse=True)


def _pieces(gap: Gap, earliest: datetime, span: timedelta) -> set[Stretch]:
    """Cut where the clock says: a gap that shrinks or sinks out of reach keeps its other pieces."""
    second = timedelta(seconds=1)  # DataTime has no finer unit
    start, last = gap.before_at + second, gap.after_at - second
    if start < earliest:
        start = _next_cut(earliest, span)
    pieces: set[Stretch] = set()
    while start <= last:
        end = min(last, _next_cut(start, span) - second)
        pieces.add(Stretch(gap.device, start, end))
        start = end + second
    return pieces


def _next_cut(at: datetime, span: timedelta) -> datetime:
    epoch = datetime.fromtimestamp(0, UTC)
    return epoch + ((at - epoch) // span + 1) * span


def due(
    stretches: Iterable[Stretch],
    asked: Mapping[Stretch, Asked],
    now: datetime,
    patience: Patience | None = None,
) -> list[Stretch]:
    """Of these stretches those to be asked for now, at most ``at_once`` for each device."""
    patience = patience or Patience()
    chosen: list[Stretch] = []
    load: dict[str, int] = {}
    of_device: dict[str, list[tuple[Stretch, Asked]]] = {}
    for stretch, so_far in asked.items():
        of_device.setdefault(stretch.device, []).append((stretch, so_far))
    for one in stretches:
        before = _asked_before(one, of_device.get(one.device, []))
        if load.get(one.device, 0) < patience.at_once and _is_due(before, now, patience):
            load[one.device] = load.get(one.device, 0) + 1
            chosen.append(one)
    return chosen


def _asked_before(one: Stretch, asked: Iterable[tuple[Stretch, Asked]]) -> Asked | None:
    """How often it was asked for, alone or within a longer stretch that the device may still be sending."""
    within = [before for other, before in asked if other.start <= one.start and one.end <= other.end]
    if not within:
        return None
    return Asked(sum(before.times for before in within), max(before.last for before in within))


def _is_due(before: Asked | None, now: datetime, patience: Patience) -> bool:
    if before is None:
        return True
    pause = patience.pause * 2 ** (before.times - 1)
    return before.times < patience.attempts and now - before.last >= pause
