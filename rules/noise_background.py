"""Correction of a measured noise level for its background (GB 12523-2011).

The 2025 standard changed its section on evaluation, which could not be read; the table is that of
2011, remembered with high confidence. People apply it to a measurement with an instrument: no
monitor knows its background.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

_TABLE: Final = ((10, 0), (6, -1), (4, -2), (3, -3))
"""Smallest difference, dB → correction, dB. Between whole numbers the band below holds."""


class NoiseOutcome(StrEnum):
    """What a measurement says."""

    PASS = "pass"  # noqa: S105 - an outcome
    EXCEED = "exceed"
    REMEASURE = "remeasure"  # lower the background and measure again


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFinding:
    """The result.

    Attributes:
        outcome: pass, exceed or remeasure.
        value: corrected level, whole dB(A); none where it cannot be corrected.
        correction: what was added, dB; none where it cannot be corrected.
        limit: dB(A).
        steps: how it came about, with figures and free of words.
    """

    outcome: NoiseOutcome
    value: int | None
    correction: int | None
    limit: float
    steps: tuple[str, ...]


def correction(measured: float, background: float) -> int | None:
    """What is added to a level, dB, for its background; none if they are less than 3 dB apart.

    Source: GB 12523-2011: 10 dB and more 0; 6 to 10 -1; 4 to 5 -2; 3 -3; below, measure again.
    """
    difference = Fraction(str(measured)) - Fraction(str(background))
    return next((amount for least, amount in _TABLE if difference >= least), None)


def find_noise(measured: float, background: float, limit: float) -> NoiseFinding:
    """Judge one point, by itself.

    The corrected level is rounded to whole dB, half up, before it is compared; equal passes. A level
    that keeps the limit as it was measured passes whatever the background.

    Args:
        measured: equivalent level with the source, dB(A).
        background: equivalent level without it, dB(A).
        limit: dB(A).
    """
    difference = Fraction(str(measured)) - Fraction(str(background))
    steps = [f"{measured:g} − {background:g} = {float(difference):g}"]
    amount = correction(measured, background)
    if amount is None and _whole(measured) > limit:
        return NoiseFinding(
            outcome=NoiseOutcome.REMEASURE,
            value=None,
            correction=None,
            limit=limit,
            steps=(*steps, f"{float(difference):g} < 3"),
        )
    value = _whole(measured + (amount or 0))
    steps.append(f"{measured:g} − {abs(amount or 0)} ≈ {value}")
    exceeds = value > limit
    steps.append(f"{value} {'>' if exceeds else '≤'} {limit:g}")
    outcome = NoiseOutcome.EXCEED if exceeds else NoiseOutcome.PASS
    return NoiseFinding(outcome=outcome, value=value, correction=amount, limit=limit, steps=tuple(steps))


def _whole(level: float) -> int:
    """Whole dB, half up."""
    return int((Fraction(str(level)) + Fraction(1, 2)) // 1)
