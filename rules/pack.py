"""Standard packs: limits as data files, read strictly.

A pack is one standard (or one city's programme) in one TOML file. What the keys mean is in
docs/judging.md. A pack that is wrong refuses to load with one line that names the file, the
key and the remedy.
"""

import tomllib
from collections.abc import Sequence
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from domain.errors import ConfigError
from domain.factors import FACTORS
from domain.site import SiteKind
from rules.window import DAY_MINUTES

NIGHT_MINUTES: Final = 480
"""A night lasts 8 h wherever a county moves it (Environment Code art. 572)."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AqiDeduction(_Strict):
    """Deduct an amount while the city's air is bad of itself (DB32/4437-2022, TSP).

    Attributes:
        series: context series of the AQI.
        amount: what is deducted from the statistic, in the limit's unit.
        aqi_from: lowest AQI at which it is, included.
        aqi_to: highest, included; above it people judge.
        primary: it holds only if one of these is a primary pollutant.
    """

    kind: Literal["aqi_deduction"]
    series: str
    amount: Positive
    aqi_from: float
    aqi_to: float
    primary: tuple[str, ...]


class CityDifference(_Strict):
    """Compare the site less the city's figure of the same hour (DB32/4437-2022, DB13/2934-2019: PM10).

    Attributes:
        series: context series of the city's figure.
        cap: at most this is deducted, in the limit's unit; none is no cap.
    """

    kind: Literal["city_difference"]
    series: str
    cap: Positive | None = None


Adjustment = Annotated[AqiDeduction | CityDifference, Field(discriminator="kind")]


class Night(_Strict):
    """When the night begins and ends, ``HH:MM`` local, by a window's start."""

    start: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "22:00"
    end: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "06:00"

    @property
    def start_minute(self) -> int:
        """Start, minutes from midnight."""
        return _minutes(self.start)

    @property
    def end_minute(self) -> int:
        """End, minutes from midnight."""
        return _minutes(self.end)

    @model_validator(mode="after")
    def _lasts_eight_hours(self) -> Self:
        if (self.end_minute - self.start_minute) % DAY_MINUTES != NIGHT_MINUTES:
            raise ValueError(
                f"a night from {self.start} to {self.end} is not 8 h (Environment Code art. 572); "
                "move both ends"
            )
        return self


class LimitEntry(_Strict):
    """One limit of a pack; the keys as in the file."""

    id: Annotated[str, Field(min_length=1)]
    factor: str
    statistic: Literal["mean", "energy_mean", "max"]
    window_minutes: Annotated[int, Field(gt=0)]
    value: Annotated[float, Field(allow_inf_nan=False)]
    unit: str
    valid_share: Annotated[float, Field(gt=0, le=1)] = 0.75
    period: Literal["day", "night"] | None = None
    during: Literal["exam", "festival"] | None = None
    allowed_per_day: Annotated[int, Field(ge=0)] = 0
    adjustment: Adjustment | None = None
    clause: str
    mark: str
    clause_mark: str
    window_mark: str

    @field_validator("factor")
    @classmethod
    def _known(cls, factor: str) -> str:
        if factor not in FACTORS:
            raise ValueError(f"{factor!r} is no factor; use one of {', '.join(FACTORS)}")
        return factor

    @field_validator("window_minutes")
    @classmethod
    def _divides_the_day(cls, minutes: int) -> int:
        if minutes > 0 and DAY_MINUTES % minutes:
            raise ValueError(
                f"{minutes} min do not divide the day; use a divisor of 1440, such as 10, 15, 20 or 60"
            )
        return minutes

    @field_validator("value")
    @classmethod
    def _six_decimals(cls, value: float) -> float:
        if round(value, 6) != value:
            raise ValueError(f"{value} has more than 6 decimals; figures are compared at 6")
        return value

    @model_validator(mode="after")
    def _fits_the_factor(self) -> Self:
        unit = FACTORS[self.factor].unit
        if self.unit != unit:
            raise ValueError(
                f"unit {self.unit!r} is not that of {self.factor}; convert the value and write {unit!r}"
            )
        if unit == "dB(A)" and self.statistic == "mean":
            raise ValueError(
                'levels in dB(A) have no arithmetic mean; write statistic = "energy_mean" or "max"'
            )
        return self


class Law(_Strict):
    """Duty and penalty in the law of a time; chosen by the date of the violation."""

    in_force_from: date | None = None
    in_force_to: date | None = None
    duty: str
    penalty: str
    mark: str


class Pack(_Strict):
    """A standard: where, when and for whom it holds, and its limits."""

    standard: Annotated[str, Field(min_length=1)]
    title: str
    area: Annotated[str, Field(pattern=r"^\d{0,6}$")]
    in_force_from: date | None = None
    in_force_to: date | None = None
    kinds: Annotated[tuple[SiteKind, ...], Field(min_length=1)]
    sensitive_only: bool = False
    night: Night = Field(default_factory=Night)
    source: str
    note: str = ""
    limit: Annotated[tuple[LimitEntry, ...], Field(min_length=1)]
    law: tuple[Law, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [limit.id for limit in self.limit]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"limit id {twice[0]!r} is there twice; give each limit its own id")
        if self.in_force_from and self.in_force_to and self.in_force_from > self.in_force_to:
            raise ValueError("in_force_from is after in_force_to; swap them")
        return self

    def in_force(self, day: date) -> bool:
        """Whether the standard is in force on that day; a missing end is open."""
        return _covers(self.in_force_from, self.in_force_to, day)

    def law_on(self, day: date) -> Law | None:
        """The law that applies to a violation on that day, if the pack knows it."""
        return next((law for law in self.law if _covers(law.in_force_from, law.in_force_to, day)), None)


def parse_pack(text: str, file: str) -> Pack:
    """Read one pack.

    Args:
        text: TOML.
        file: the name to use in messages.

    Raises:
        ConfigError: the file is not TOML or not a pack.
    """
    try:
        return Pack.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not TOML: {error}; correct that line") from error
    except ValidationError as error:
        raise ConfigError(f"{file}: {_sentence(error)}") from error


def standard_packs() -> tuple[Pack, ...]:
    """The packs that ship and hold without being asked for."""
    return _bundled(resources.files("rules").joinpath("packs"))


def load_packs(extra: Sequence[str] = ()) -> tuple[Pack, ...]:
    """The standard packs, then those of a city; on equal area a later one wins.

    Args:
        extra: for each a TOML file, a folder of them, or the name of an optional pack that ships.

    Raises:
        ConfigError: there is no such file, or it is no pack.
    """
    packs = list(standard_packs())
    for name in extra:
        packs.extend(_named(name))
    return tuple(packs)


def _named(name: str) -> tuple[Pack, ...]:
    path = Path(name)
    bundled = resources.files("rules").joinpath("packs", "optional", f"{name}.toml")
    if path.is_dir():
        files = sorted(path.glob("*.toml"))
        if not files:
            raise ConfigError(f"{name}: no *.toml in this folder; name a pack file, or a folder of them")
        return tuple(_read(file) for file in files)
    if not path.exists() and "/" not in name and bundled.is_file():
        return (parse_pack(bundled.read_text(encoding="utf-8"), f"{name}.toml"),)
    return (_read(path),)


def _read(path: Path) -> Pack:
    try:
        return parse_pack(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(
            f"{path}: cannot be read as a pack ({reason}); name a TOML file or a folder"
        ) from error


def _bundled(folder: resources.abc.Traversable) -> tuple[Pack, ...]:
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name
    )
    return tuple(parse_pack(file.read_text(encoding="utf-8"), file.name) for file in files)


def _sentence(error: ValidationError) -> str:
    """One line of the first error, and how many more there are."""
    first, *rest = error.errors()
    more = f" (and {len(rest)} more)" if rest else ""
    return f"{_key(first)}: {_remedy(first)}{more}"


def _key(error: ErrorDetails) -> str:
    """``limit[0].unit``, as a person counts in the file."""
    skip = {"aqi_deduction", "city_difference"}  # pydantic names the variant of a union in the path
    parts = [
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"] if part not in skip
    ]
    return "".join(parts).lstrip(".") or "the file"


def _remedy(error: ErrorDetails) -> str:
    match error["type"]:
        case "extra_forbidden":
            return "no such key; correct its spelling or remove it"
        case "missing":
            return "this key is missing; add it"
        case "value_error":
            return str(error["ctx"]["error"])
    message = error["msg"]
    return f"{message[0].lower()}{message[1:]}, not {error['input']!r}; correct the value"


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _covers(start: date | None, end: date | None, day: date) -> bool:
    return (start is None or start <= day) and (end is None or day <= end)
