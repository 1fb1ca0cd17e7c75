"""The manual finding on cooking fumes (GB 18483-2001): five samples of 10 min, taken by people.

What a monitor says is a lead; this is what decides. Every step is kept with its figures, so that
the record can be printed and done again by hand. Figures are exact fractions of the decimals given:
nothing is rounded before it is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from domain.errors import ConfigError

SAMPLES: Final = 5
"""Consecutive samples of 10 min while the kitchen is busiest."""

LEAST_VALID: Final = 3
"""With fewer valid samples the sampling is done again."""

BASE_AIR: Final = 2000
"""Reference air of one base stove, m³/h, for all sizes."""


class Outcome(StrEnum):
    """What the sampling says."""

    PASS = "pass"  # noqa: S105 - an outcome
    EXCEED = "exceed"
    RESAMPLE = "resample"  # it decides nothing and must be done again


class StepKind(StrEnum):
    """One step of the finding."""

    UNDUCTED = "unducted"  # 无组织排放视同超标
    SAMPLES = "samples"  # how many there must be
    QUARTER_RULE = "quarter_rule"  # below a quarter of the highest is invalid
    ENOUGH = "enough"  # at least three valid
    MEAN = "mean"  # of the valid ones
    BASE_AIR = "base_air"  # converted to the reference air
    NOT_CONVERTED = "not_converted"  # flow or working stoves are not known
    COMPARED = "compared"  # with the limit


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it is printed.

    Attributes:
        kind: what was done.
        formula: with the figures, free of words: ``1.2 × 12000 ÷ (3 × 2000) = 2.4``.
    """

    kind: StepKind
    formula: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """What base-air conversion needs.

    Attributes:
        flow: measured flow of dry flue gas at 273 K and 101 325 Pa, m³/h.
        stoves: working base stoves during the sampling (rules/kitchen.py converts heat and hoods).
    """

    flow: float
    stoves: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FumeFinding:
    """The result.

    Attributes:
        outcome: pass, exceed or resample.
        value: figure compared, mg/m³; none where none was formed.
        limit: what it was compared with, mg/m³.
        valid: whether each sample counted, in the order given.
        steps: how it came about.
    """

    outcome: Outcome
    value: float | None
    limit: float
    valid: tuple[bool, ...]
    steps: tuple[Step, ...]


def find_fume(
    samples: Sequence[float], limit: float, air: Air | None = None, *, ducted: bool = True
) -> FumeFinding:
    """Judge a manual sampling.

    Source: GB 18483-2001 (sampling, quarter rule, at least three valid, mean, base-air conversion
    C·Q ÷ (n·2000); unducted emission is deemed an exceedance). More than the limit exceeds; equal passes.

    Args:
        samples: measured concentrations in the order taken, mg/m³ at reference state.
        limit: of the standard that holds, mg/m³.
        air: flow and working stoves; without them the mean is compared as it is, and a step says so.
        ducted: the fume leaves by a duct; else nothing need be sampled.

    Raises:
        ConfigError: a figure cannot be one; the sentence names it.
    """
    if not ducted:
        return FumeFinding(
            outcome=Outcome.EXCEED, value=None, limit=limit, valid=(), steps=(Step(StepKind.UNDUCTED, ""),)
        )
    _check(samples, limit, air)
    steps = [Step(StepKind.SAMPLES, f"{len(samples)} {'=' if len(samples) == SAMPLES else '≠'} {SAMPLES}")]
    if len(samples) != SAMPLES:
        return _resample(limit, (), steps)
    exact = [_exact(sample) for sample in samples]
    valid = tuple(sample >= max(exact) / 4 for sample in exact)
    kept = [sample for sample, counts in zip(exact, valid, strict=True) if counts]
    steps += _quarter_steps(exact, valid)
    if len(kept) < LEAST_VALID:
        return _resample(limit, valid, steps)
    figure = _converted(_mean(kept, steps), air, steps)
    exceeds = figure > _exact(limit)
    steps.append(Step(StepKind.COMPARED, f"{_told(figure)} {'>' if exceeds else '≤'} {_told(_exact(limit))}"))
    outcome = Outcome.EXCEED if exceeds else Outcome.PASS
    return FumeFinding(outcome=outcome, value=float(figure), limit=limit, valid=valid, steps=tuple(steps))


def _quarter_steps(exact: Sequence[Fraction], valid: Sequence[bool]) -> list[Step]:
    quarter = max(exact) / 4
    dropped = [sample for sample, counts in zip(exact, valid, strict=True) if not counts]
    n_valid = len(exact) - len(dropped)
    compared = "; ".join(f"{_told(sample)} < {_told(quarter)}" for sample in dropped) or "–"
    return [
        Step(StepKind.QUARTER_RULE, f"{_told(max(exact))} ÷ 4 = {_told(quarter)}: {compared}"),
        Step(StepKind.ENOUGH, f"{n_valid} {'≥' if n_valid >= LEAST_VALID else '<'} {LEAST_VALID}"),
    ]


def _mean(kept: Sequence[Fraction], steps: list[Step]) -> Fraction:
    mean = sum(kept, Fraction()) / len(kept)
    total = " + ".join(_told(sample) for sample in kept)
    steps.append(Step(StepKind.MEAN, f"({total}) ÷ {len(kept)} = {_told(mean)}"))
    return mean


def _converted(mean: Fraction, air: Air | None, steps: list[Step]) -> Fraction:
    if air is None:
        steps.append(Step(StepKind.NOT_CONVERTED, _told(mean)))
        return mean
    flow, stoves = _exact(air.flow), _exact(air.stoves)
    figure = mean * flow / (stoves * BASE_AIR)
    formula = f"{_told(mean)} × {_told(flow)} ÷ ({_told(stoves)} × {BASE_AIR}) = {_told(figure)}"
    steps.append(Step(StepKind.BASE_AIR, formula))
    return figure


def _resample(limit: float, valid: tuple[bool, ...], steps: Sequence[Step]) -> FumeFinding:
    return FumeFinding(outcome=Outcome.RESAMPLE, value=None, limit=limit, valid=valid, steps=tuple(steps))


def _check(samples: Sequence[float], limit: float, air: Air | None) -> None:
    for number, sample in enumerate(samples, 1):
        if not 0 <= sample < float("inf"):
            raise ConfigError(f"sample {number}: {sample} is no concentration; give mg/m³, 0 or more")
    if not 0 < limit < float("inf"):
        raise ConfigError(f"limit: {limit} is no limit; give mg/m³ above 0")
    for name, value in (("flow", air.flow), ("stoves", air.stoves)) if air else ():
        if not 0 < value < float("inf"):
            raise ConfigError(f"{name}: {value} is not above 0; measure it, or leave the air out")


def _exact(value: float) -> Fraction:
    return Fraction(str(value))


def _told(value: Fraction) -> str:
    """Decimal with at most four places; what was left out is told by ≈."""
    text = f"{float(value):.4f}".rstrip("0").rstrip(".")
    return text if Fraction(text) == value else f"≈{text}"
