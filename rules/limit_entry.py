"""One limit of a pack, with the keys of the file."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from domain.factors import FACTORS
from domain.site import NoiseClass, Size
from rules.form import Form, InForce
from rules.night import Hours
from rules.window import DAY_MINUTES

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class AqiDeduction(Form):
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


class CityDifference(Form):
    """Compare the site less the city's figure of the same hour (DB32/4437-2022, DB13/2934-2019: PM10).

    Attributes:
        series: context series of the city's figure.
        cap: at most this is deducted, in the limit's unit; none is no cap.
    """

    kind: Literal["city_difference"]
    series: str
    cap: Positive | None = None


Adjustment = Annotated[AqiDeduction | CityDifference, Field(discriminator="kind")]


class LimitEntry(InForce):
    """One limit of a pack; what the keys mean is in docs/packs.md."""

    id: Annotated[str, Field(min_length=1)]
    factor: str
    statistic: Literal["mean", "energy_mean", "max"]
    window_minutes: Annotated[int, Field(gt=0)]
    value: Annotated[float, Field(allow_inf_nan=False)]
    unit: str
    valid_share: Annotated[float, Field(gt=0, le=1)] = 0.75
    period: Literal["day", "night"] | None = None
    hours: tuple[Hours, ...] = ()
    during: Literal["exam", "festival"] | None = None
    sizes: tuple[Size, ...] = ()
    phases: tuple[str, ...] = ()
    noise_classes: tuple[NoiseClass, ...] = ()
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

    @model_validator(mode="after")
    def _one_time_and_one_condition(self) -> Self:
        if self.period and self.hours:
            raise ValueError("period and hours both say when it holds; keep one of them")
        if sum(map(bool, (self.sizes, self.phases, self.noise_classes))) > 1:
            raise ValueError("a limit depends on sizes, phases or noise_classes; keep one of them")
        return self
