"""Whether readings and times can be true; the same for frames and for JSON."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Final

from app.conformance.card import Card, Verdict
from domain.factors import FACTORS

_CLOCK_WARN_S: Final = 60
_CLOCK_FAIL_S: Final = 600
_DUSTS: Final = ("tsp", "pm10", "pm25")


def check_clock(card: Card, item: str, at: datetime, now: datetime) -> None:
    """A measuring time against the time of receipt; more than 10 min ahead is refused by ingest."""
    off = round((at - now).total_seconds())
    told = f"the clock is {abs(off)} s {'ahead' if off > 0 else 'behind'}"
    card.check(item, off <= _CLOCK_FAIL_S, told)
    card.check(item, abs(off) <= _CLOCK_WARN_S, told, Verdict.WARN)


def check_values(card: Card, readings: Mapping[str, float], flags: Mapping[str, str]) -> None:
    """Readings in canonical units: those that cannot be true, and those that smell of another unit."""
    for name, value in readings.items():
        factor = FACTORS.get(name)
        if factor is None or flags.get(name, "N") != "N":
            continue
        told = f"{name} = {value:g} {factor.unit}".rstrip()
        plausible = math.isfinite(value) and factor.plausible(value)
        if card.check("units", plausible, f"{told} is outside {factor.low:g} to {factor.high:g}"):
            doubt = _other_unit(name, value)
            card.check("units", not doubt, f"{told}: {doubt}", Verdict.WARN)


def _other_unit(name: str, value: float) -> str:
    if name in _DUSTS and value >= 5_000:
        return "sent in ng/m³?"
    if name in _DUSTS and 0 < value < 1:
        return "sent in mg/m³?"
    if name in {"oil_fume", "nmhc"} and value >= 100:
        return "sent in µg/m³?"
    return ""


def usual_step(times: Sequence[datetime]) -> int | None:
    """The step between measuring times that is most usual, seconds; none for a single time."""
    steps = _steps(times)
    return round(median(steps)) if steps else None


def check_interval(card: Card, times: Sequence[datetime]) -> None:
    """Whether reports are measured at equal steps of 30 s to 1 h; needs three of them."""
    steps = _steps(times)
    if len(steps) < 2:
        return
    usual = median(steps)
    odd = [step for step in steps if abs(step - usual) > max(1.5, 0.1 * usual)]
    told = f"usually {usual:g} s, {len(odd)} of {len(steps)} steps differ"
    card.check("interval", not odd, told, Verdict.WARN)
    card.check("interval", 30 <= usual <= 3600, f"{usual:g} s, outside 30 to 3600 s", Verdict.WARN)


def _steps(times: Sequence[datetime]) -> list[float]:
    return [(after - before).total_seconds() for before, after in pairwise(sorted(set(times)))]
