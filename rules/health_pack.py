"""The thresholds of device health, as data: one file that ships, one that a city may lay over it.

What the keys mean is in docs/health.md. A file that is wrong refuses to load with one line that
names the file, the key and the remedy.
"""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain.errors import ConfigError
from domain.factors import FACTORS
from domain.site import SiteKind
from rules.pack_fault import faults_of

Finds = Literal[
    "silence", "unpurified", "dead_current", "too_clean", "flat", "implausible", "saturated", "clock_shift"
]

WINDOW_MINUTES: Final[dict[Finds, int]] = {
    "silence": 10,
    "unpurified": 10,
    "dead_current": 10,
    "too_clean": 60,
    "flat": 60,
    "implausible": 60,
    "saturated": 60,
    "clock_shift": 60,
}
"""Length of the aligned windows in which each is looked for; they divide the hour."""

UNITS: Final[dict[Finds, str]] = dict.fromkeys(WINDOW_MINUTES, "min") | {
    "too_clean": "%",
    "implausible": "%",
    "clock_shift": "s",
}

_OF_A_FACTOR: Final = frozenset({"too_clean", "flat", "implausible"})
_SPAN: Final = r"^([01]\d|2[0-3]):[0-5]0-(([01]\d|2[0-3]):[0-5]0|24:00)$"

Threshold = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class HealthRule(BaseModel):
    """One rule; the keys as in the file.

    Attributes:
        id: its name as a limit of evaluations.
        finds: what it looks for; decides window and unit.
        kinds: sites at which it holds.
        limit: more than this is a finding.
        soft: more than this is a suspicion, told as ``indeterminate``; none has no such step.
        least: minutes of evidence without which nothing is said.
        factor: the factor that is looked at, where it is one.
        below: up to this a reading is too clean, in the factor's unit.
        while_fan_runs: only minutes in which the fan runs count.
        hours: local spans ``HH:MM-HH:MM``, in tens of minutes, in which silence counts; none is always.
        off: the rule does not hold in this city.
        mark: where the figures come from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    finds: Finds
    kinds: Annotated[tuple[SiteKind, ...], Field(min_length=1)]
    limit: Threshold
    soft: Threshold | None = None
    least: Annotated[int, Field(ge=0, le=60)] = 0
    factor: str | None = None
    below: Threshold | None = None
    while_fan_runs: bool = False
    hours: tuple[Annotated[str, Field(pattern=_SPAN)], ...] = ()
    off: bool = False
    mark: str

    @property
    def window_minutes(self) -> int:
        """Length of its window."""
        return WINDOW_MINUTES[self.finds]

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """``hours`` as minutes of the local day, begin and end."""
        return tuple((_minutes(span[:5]), _minutes(span[6:])) for span in self.hours)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.factor is not None) != (self.finds in _OF_A_FACTOR):
            raise ValueError(f"{self.finds} {'needs a' if self.factor is None else 'has no'} factor; correct")
        if self.factor is not None and self.factor not in FACTORS:
            raise ValueError(f"{self.factor!r} is no factor; use one of {', '.join(FACTORS)}")
        if (self.below is not None) != (self.finds == "too_clean"):
            raise ValueError("below belongs to too_clean, and to nothing else; add or remove it")
        if self.hours and self.finds != "silence":
            raise ValueError("hours belong to silence only; remove them")
        if any(begin >= end for begin, end in self.spans):
            raise ValueError("a span of hours ends before it begins; cut it at 24:00")
        if self.soft is not None and self.soft >= self.limit:
            raise ValueError(f"soft ({self.soft:g}) is not below the limit ({self.limit:g}); lower it")
        most = {"min": self.window_minutes, "%": 100, "s": 86_400}[UNITS[self.finds]]
        if self.finds != "silence" and self.limit >= most:
            raise ValueError(f"{self.finds} is never more than {most} {UNITS[self.finds]}; lower the limit")
        return self


class HealthPack(BaseModel):
    """All rules of a city.

    Attributes:
        rule: the rules that hold.
        idle_current: A; a machine that draws less rests.
        passes: passing windows that are told after a finding.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: tuple[HealthRule, ...] = ()
    idle_current: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.2
    passes: Annotated[int, Field(ge=1)] = 4

    @model_validator(mode="after")
    def _unique(self) -> Self:
        ids = [rule.id for rule in self.rule]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"rule id {twice[0]!r} is there twice; give each rule its own id")
        clean = [rule.factor for rule in self.rule if rule.finds == "too_clean" and not rule.off]
        if len(clean) != len(set(clean)):
            raise ValueError("two rules too_clean look at one factor; keep one of them")
        return self


def parse_health(text: str, file: str) -> HealthPack:
    """Read one file.

    Raises:
        ConfigError: it is not TOML, or not a file of rules.
    """
    try:
        return HealthPack.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not TOML: {error}; correct that line") from error
    except ValidationError as error:
        raise ConfigError(str(faults_of(error, file)[0])) from error


def load_health(city: Path | None = None) -> HealthPack:
    """The rules that hold: those that ship, a city's own in place of those of the same id.

    Raises:
        ConfigError: the city's file cannot be read or is wrong.
    """
    shipped = resources.files("rules").joinpath("packs", "health", "device.toml")
    base = parse_health(shipped.read_text(encoding="utf-8"), "device.toml")
    if city is None:
        return base
    try:
        own = parse_health(city.read_text(encoding="utf-8"), str(city))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{city}: cannot be read as health rules; name a TOML file") from error
    rules = {rule.id: rule for rule in (*base.rule, *own.rule)}
    said = {name: getattr(own, name) for name in own.model_fields_set}
    merged = base.model_dump() | said | {"rule": tuple(rule for rule in rules.values() if not rule.off)}
    try:
        return HealthPack.model_validate(merged)
    except ValidationError as error:
        fault = faults_of(error, f"{city}: together with the rules that ship")[0]
        raise ConfigError(str(fault)) from error


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
