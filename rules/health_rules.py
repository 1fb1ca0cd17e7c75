"""Each rule of device health as a pure function: what it measures in a window of many devices.

All of them measure something that is more the worse it is, so that "more than the limit" is a
finding, as for any limit. Minutes are minutes with a report that says so, times the reporting
interval where that is longer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from domain.instant import CHINA_OFFSET_MS
from rules.health_pack import Finds, HealthRule
from rules.minutes import NEVER, Minutes, Rows
from rules.signals import (
    FAN_DRAWS,
    FAN_OFF,
    FAN_ON,
    FAN_RESTS,
    PURIFIER_DRAWS,
    PURIFIER_OFF,
    PURIFIER_ON,
    PURIFIER_RESTS,
    REPORT,
    SATURATED,
    Bits,
    Bools,
    Floats,
    Signals,
    resting,
    running,
)
from rules.window import DAY_MINUTES, MINUTE_MS, Int64s

TOLD_FOR: Final = DAY_MINUTES
"""A silence is told for so many minutes; the episode then stays open until the device is back."""

_STEADY_S: Final = 120.0
"""A wrong clock is wrong by the same all hour; a backlog is not."""

_FAN: Final = (FAN_ON, FAN_OFF, FAN_DRAWS)
_PURIFIER: Final = (PURIFIER_ON, PURIFIER_OFF, PURIFIER_DRAWS)


class Found(NamedTuple):
    """What a rule measured, by device.

    Attributes:
        value: the figure, in the rule's unit.
        known: whether there was enough to say so; where not, nothing is said.
    """

    value: Floats
    known: Bools


@dataclass(frozen=True, slots=True)
class Look:
    """One window of some devices.

    Attributes:
        minutes: the partition's minutes.
        signals: what the bits mean.
        rows: the devices' rows.
        each: minutes that one report stands for, by device.
        start: first minute of the window, from the epoch.
        bits: the window's minutes, shape (devices, minutes).
    """

    minutes: Minutes
    signals: Signals
    rows: Rows
    each: Floats
    start: int
    bits: Bits

    @property
    def length(self) -> int:
        """Minutes of the window."""
        return int(self.bits.shape[1])

    def says(self, mask: int) -> Bools:
        """Minutes with any of these bits."""
        found: Bools = (self.bits & np.uint32(mask)) != 0
        return found

    def count(self, which: Bools) -> Floats:
        """Minutes that these stand for, at most the window's."""
        found: Floats = np.minimum(which.sum(axis=1) * self.each, self.length)
        return found


def silence(rule: HealthRule, look: Look) -> Found:
    """Minutes without a report up to the window's end, within the hours in which they count."""
    end = look.start + look.length
    opened = _opened(rule, look.start, end)
    heard: Int64s = look.minutes.heard_before(look.rows, end)
    silent = np.minimum(end - 1 - heard, end - opened).astype(np.float64)
    known = (heard != NEVER) & (end - 1 - heard <= TOLD_FOR) & (opened < end)
    return Found(np.where(known, silent, 0.0), known)


def _opened(rule: HealthRule, start: int, end: int) -> int:
    """Since which minute silence counts in this window; its end where it does not."""
    if not rule.hours:
        return NEVER
    day = (start + CHINA_OFFSET_MS // MINUTE_MS) // DAY_MINUTES * DAY_MINUTES
    midnight = day - CHINA_OFFSET_MS // MINUTE_MS
    for begin, close in rule.spans:
        if midnight + begin <= start and end <= midnight + close:
            return midnight + begin
    return end


def unpurified(_rule: HealthRule, look: Look) -> Found:
    """Minutes in which the fan runs and the purifier is known to stand."""
    fan, off = running(look.bits, *_FAN), resting(look.bits, *_PURIFIER, PURIFIER_RESTS)
    known = look.says(FAN_ON | FAN_OFF | FAN_DRAWS | FAN_RESTS)
    known &= look.says(PURIFIER_ON | PURIFIER_OFF | PURIFIER_DRAWS | PURIFIER_RESTS)
    return Found(look.count(fan & off), _any(known))


def dead_current(_rule: HealthRule, look: Look) -> Found:
    """Minutes in which the purifier's switch says on while it draws no current."""
    on = look.says(PURIFIER_ON) & look.says(PURIFIER_DRAWS | PURIFIER_RESTS)
    return Found(look.count(on & ~look.says(PURIFIER_DRAWS)), _any(on))


def too_clean(rule: HealthRule, look: Look) -> Found:
    """Share of the minutes in which the fan runs whose readings are too clean, %."""
    told = look.signals.told[str(rule.factor)]
    cooking = running(look.bits, *_FAN) & look.says(told.valid)
    minutes = look.count(cooking)
    clean = look.count(cooking & ~look.says(told.dirty))
    return Found(_percent(clean, minutes), minutes >= max(rule.least, 1))


def flat(rule: HealthRule, look: Look) -> Found:
    """Minutes with valid readings, if all of them are the same figure."""
    told = look.signals.told[str(rule.factor)]
    valid = look.says(told.valid)
    low, high = look.minutes.range(look.rows, look.signals.extremes.index(str(rule.factor)), look.start)
    if rule.while_fan_runs:
        valid &= running(look.bits, *_FAN)
    minutes = look.count(valid)
    return Found(np.where(low == high, minutes, 0.0), minutes >= max(rule.least, 1))


def implausible(rule: HealthRule, look: Look) -> Found:
    """Share of the reports without a plausible reading of a factor that the device has, %.

    The door refuses a reading that no working monitor gives, and lets the rest of its report in: so
    what is missing counts as what is wild.
    """
    told = look.signals.told[str(rule.factor)]
    reports, held = look.says(REPORT), look.says(told.held)
    before = look.minutes.bits(look.rows, look.start - look.length, look.length)
    has = _any((np.concatenate((look.bits, before), axis=1) & np.uint32(told.held | told.wild)) != 0)
    minutes = look.count(reports)
    share = _percent(look.count(reports & ~held), minutes)
    return Found(share, has & (minutes >= max(rule.least, 1)))


def saturated(_rule: HealthRule, look: Look) -> Found:
    """Minutes with a reading above its monitor's range (flag T)."""
    return Found(look.count(look.says(SATURATED)), _any(look.says(REPORT)))


def clock_shift(rule: HealthRule, look: Look) -> Found:
    """Seconds by which the clock is off, either way: the quickest report's way is near to none."""
    low, high = look.minutes.range(look.rows, len(look.signals.extremes), look.start)
    enough = (look.count(look.says(REPORT)) >= max(rule.least, 1)) & np.isfinite(low)
    quickest = np.where(enough, low, 0.0)
    steady = np.where(enough, high, 0.0) - quickest <= _STEADY_S
    ahead = quickest < 0
    return Found(np.abs(quickest), enough & (ahead | steady | (quickest <= _STEADY_S)))


def _any(which: Bools) -> Bools:
    """Devices with at least one of these minutes."""
    return np.asarray(which.any(axis=1))


def _percent(part: Floats, whole: Floats) -> Floats:
    found: Floats = np.round(100 * part / np.maximum(whole, 1), 3)
    return found


FINDERS: Final[Mapping[Finds, Callable[[HealthRule, Look], Found]]] = {
    "silence": silence,
    "unpurified": unpurified,
    "dead_current": dead_current,
    "too_clean": too_clean,
    "flat": flat,
    "implausible": implausible,
    "saturated": saturated,
    "clock_shift": clock_shift,
}
