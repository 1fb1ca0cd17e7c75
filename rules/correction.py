"""Corrections: a window that was final is judged again, because something about it came late.

Pure. Which windows a due means, which of them may be judged again now, and which say something else.
``rules.corrector`` reads and publishes.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from domain.evaluation import Evaluation
from domain.instant import to_ms
from domain.site import Device
from rules.limits import LaneKey
from rules.window import window_start
from runtime.corrections import Correction, Due, Why

_ABANDONED: Final = timedelta(days=1)
"""So long after the lateness no engine holds a window open, whatever its last evaluation says."""


class Spot(NamedTuple):
    """A window of a device's factor; start and end in epoch ms."""

    device: str
    factor: str
    start_ms: int
    end_ms: int


Spots = dict[Spot, set[Why]]
"""Windows to judge again, and why."""


def spots_of(due: Due, devices: Iterable[Device], series: Mapping[LaneKey, Collection[str]]) -> list[Spot]:
    """The windows that a due means, of every length in which its factors are judged.

    Args:
        due: what came late.
        devices: the register.
        series: all that is judged, with the context series that its limits may need.
    """
    since, until = to_ms(due.since), to_ms(due.until)
    wanted = [
        lane
        for lane, needed in series.items()
        if due.factor in ("", lane.factor) and (not due.series or due.series in needed)
    ]
    spans = {
        (lane.factor, start, start + lane.window_ms)
        for lane in wanted
        for start in range(window_start(since, lane.window_ms), until, lane.window_ms)
    }
    return [Spot(device.device, *span) for device in devices if _concerns(due, device) for span in spans]


def _concerns(due: Due, device: Device) -> bool:
    return (
        due.device in ("", device.device)
        and due.site in ("", device.site.site)
        and device.site.area.startswith(due.area)
    )


def unjudged(spots: Mapping[Spot, Collection[Why]], published: Iterable[Evaluation]) -> list[Spot]:
    """Windows of late readings of which nothing was published: they lie before all that was judged."""
    judged = {spot_of(one) for one in published}
    return [spot for spot, why in spots.items() if Why.LATE in why and spot not in judged]


def filled(spot: Spot, first_ms: int) -> Spots:
    """A late window and the gaps from it to the device's first judged window, that one included."""
    length = spot.end_ms - spot.start_ms
    starts = range(spot.start_ms, first_ms + 1, length)
    return {spot._replace(start_ms=start, end_ms=start + length): {Why.LATE} for start in starts}


def spot_of(evaluation: Evaluation) -> Spot:
    """The window that an evaluation judges."""
    return Spot(
        evaluation.device,
        evaluation.factor,
        to_ms(evaluation.window_start),
        to_ms(evaluation.window_end),
    )


def merged(spots: Iterable[Spot]) -> Iterator[Spot]:
    """The stretches of time that the windows of each device and factor cover."""
    last: Spot | None = None
    for spot in sorted(spots):
        if last is not None and spot[:2] == last[:2] and spot.start_ms <= last.end_ms:
            last = last._replace(end_ms=max(last.end_ms, spot.end_ms))
            continue
        if last is not None:
            yield last
        last = spot
    if last is not None:
        yield last


def open_spots(published: Iterable[Evaluation], lateness: timedelta, now: datetime) -> set[Spot]:
    """Windows that are the engine's matter still: it takes in what came, and has not said its last word."""
    return {
        spot_of(one) for one in published if not one.final and now < one.window_end + lateness + _ABANDONED
    }


def corrections(
    judged: Iterable[Evaluation],
    published: Sequence[Evaluation],
    spots: Mapping[Spot, Collection[Why]],
    still_open: Collection[Spot],
) -> list[Correction]:
    """What must be published.

    Args:
        judged: the windows as they are judged now, from all that is stored.
        published: the last evaluation of each window and limit.
        spots: the windows in question, and why.
        still_open: windows to leave to the engine.
    """
    last = {one.id: one for one in published}
    closed = {spot_of(one) for one in published}.difference(still_open)
    found = []
    for fresh in judged:
        spot = spot_of(fresh)
        if spot not in spots or spot in still_open:
            continue
        before = last.get(fresh.id)
        if before is None and spot not in closed and Why.LATE not in spots[spot]:
            continue  # not judged yet: the engine will, with what has come
        if before is None or _differs(fresh, before):
            revision = 1 if before is None else before.revision + 1
            evaluation = msgspec.structs.replace(fresh, revision=revision, final=True)
            found.append(Correction(evaluation, before, tuple(sorted(spots[spot]))))
    return found


def _differs(fresh: Evaluation, before: Evaluation) -> bool:
    return msgspec.structs.replace(fresh, revision=before.revision, final=before.final) != before
