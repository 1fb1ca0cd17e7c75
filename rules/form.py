"""What all parts of a pack file have in common: read strictly, in force between two days."""

from datetime import date
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, model_validator


class Form(BaseModel):
    """A table of a file; a key that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Days(NamedTuple):
    """Days from one to another, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        """``from 2027-06-01 to 2027-06-20``, ``until 2026-08-14``, ``always``; for messages."""
        ends = []
        if self.first != date.min:
            ends.append(f"from {self.first}")
        if self.last != date.max:
            ends.append(f"to {self.last}" if ends else f"until {self.last}")
        return " ".join(ends) or "always"

    def as_keys(self) -> dict[str, date | None]:
        """As the keys of a file; an open end is None."""
        return {
            "in_force_from": None if self.first == date.min else self.first,
            "in_force_to": None if self.last == date.max else self.last,
        }


class InForce(Form):
    """Something that holds from one day to another, both included; a missing end is open."""

    in_force_from: date | None = None
    in_force_to: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.in_force_from and self.in_force_to and self.in_force_from > self.in_force_to:
            raise ValueError("in_force_from is after in_force_to; swap them")
        return self

    @property
    def days(self) -> Days:
        """The days on which it is in force."""
        return Days(self.in_force_from or date.min, self.in_force_to or date.max)

    def in_force(self, day: date) -> bool:
        """Whether it is in force on that day."""
        return self.days.first <= day <= self.days.last


def common_days(*periods: InForce) -> Days | None:
    """The days on which all of them are in force; none if there is no such day."""
    first = max(period.days.first for period in periods)
    last = min(period.days.last for period in periods)
    return Days(first, last) if first <= last else None
