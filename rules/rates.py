"""The rates of a device's day (在线率, 超标率, 净化器开启率, 联动率): pure formulas.

No source gives a formula for any of them: what each divides by what is a product choice and stands
in docs/rates.md. Here are the counts; a rate is the quotient of two of their sums (``rules.daily_rates``).
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LINKED_WITHIN_S: Final = 300
"""A purifier that runs within five minutes of the fan's start was started with it."""

FRESH_S: Final = 600
"""A state says nothing of ten minutes later; the fan of a device that was silent has no start."""

SWITCH: Final = 0.5


class Machine(msgspec.Struct, frozen=True):
    """What is known of a fan or a purifier, in the order of time.

    Attributes:
        at: when, epoch s; each instant once.
        runs: whether it runs then.
    """

    at: Int64s
    runs: npt.NDArray[np.bool_]


class Linkage(msgspec.Struct, frozen=True, kw_only=True):
    """How fan and purifier went together in a day.

    Attributes:
        fan_minutes: minutes in which the fan runs and the purifier's state is known.
        purified_minutes: of these, with the purifier running.
        fan_starts: starts of the fan after which the purifier's state is known.
        linked_starts: of these, with the purifier running within ``LINKED_WITHIN_S``.
    """

    fan_minutes: int = 0
    purified_minutes: int = 0
    fan_starts: int = 0
    linked_starts: int = 0


Series = tuple[Sequence[float], Sequence[float]]
"""Instants (epoch s, rising) and values of one factor, valid readings only."""


def machine(switch: Series, current: Series, idle: float) -> Machine:
    """A machine's states: by its switch, and at instants without it by its current.

    Args:
        switch: its 0/1 factor.
        current: its current, A.
        idle: A; at or below it the machine stands.
    """
    at_switch, at_current = (np.array(one[0], np.float64).astype(np.int64) for one in (switch, current))
    at = np.concatenate((at_switch, at_current))
    runs = np.concatenate((np.array(switch[1]) > SWITCH, np.array(current[1]) > idle)).astype(np.bool_)
    first = np.unique(at, return_index=True)[1]  # the switch stands first, so it wins
    return Machine(at[first], runs[first])


def linkage(fan: Machine, purifier: Machine, begin: int, end: int) -> Linkage:
    """How fan and purifier went together in ``[begin, end)`` (epoch s).

    Args:
        fan: its states, from ``FRESH_S`` before the begin.
        purifier: its states, to ``LINKED_WITHIN_S`` after the end.
        begin: local midnight.
        end: the next one.
    """
    both = np.intersect1d(_minutes(fan, begin, end, runs=True), _known(purifier, begin, end))
    purified = np.intersect1d(both, _minutes(purifier, begin, end, runs=True))
    starts = _starts(fan, begin, end)
    soon = [_within(purifier, start) for start in starts.tolist()]
    told = [states for states in soon if len(states)]
    return Linkage(
        fan_minutes=len(both),
        purified_minutes=len(purified),
        fan_starts=len(told),
        linked_starts=sum(bool(states.any()) for states in told),
    )


def _minutes(one: Machine, begin: int, end: int, *, runs: bool) -> Int64s:
    """Minutes (from the epoch) in which it is seen to run."""
    mine = (one.at >= begin) & (one.at < end) & (one.runs == runs)
    found: Int64s = np.unique(one.at[mine] // 60)
    return found


def _known(one: Machine, begin: int, end: int) -> Int64s:
    return np.union1d(_minutes(one, begin, end, runs=True), _minutes(one, begin, end, runs=False))


def _starts(fan: Machine, begin: int, end: int) -> Int64s:
    """Instants at which the fan runs and stood when last heard of, not long before."""
    risen = fan.runs[1:] & ~fan.runs[:-1] & (fan.at[1:] - fan.at[:-1] <= FRESH_S)
    at = fan.at[1:][risen]
    found: Int64s = at[(at >= begin) & (at < end)]
    return found


def _within(purifier: Machine, start: int) -> npt.NDArray[np.bool_]:
    """The purifier's states soon after a start."""
    first, last = np.searchsorted(purifier.at, [start, start + LINKED_WITHIN_S + 1])
    states: npt.NDArray[np.bool_] = purifier.runs[first:last]
    return states


def due(spans: Sequence[tuple[int, int]], interval_s: int, until_s: int = 86_400) -> int:
    """Reports due in a local day: one each interval of the hours in which the device must report.

    Args:
        spans: minutes of the day, begin and end; none is the whole day.
        interval_s: reporting interval.
        until_s: seconds of the day that have passed.
    """
    seconds = sum(max(0, min(close * 60, until_s) - opened * 60) for opened, close in (spans or ((0, 1440),)))
    return seconds // interval_s
