"""The form of a pack: one standard, where, when and for whom it holds, and its limits."""

from collections.abc import Sequence
from datetime import date
from itertools import combinations
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from domain.site import SiteKind
from rules.form import InForce, common_days
from rules.law import Law, law_of
from rules.limit_entry import LimitEntry
from rules.night import Night

Area = Annotated[str, Field(pattern=r"^\d{0,6}$")]
"""Administrative code (GB/T 2260) or a prefix of one; empty is the whole country."""


class Pack(InForce):
    """A standard; what the keys mean is in docs/packs.md."""

    standard: Annotated[str, Field(min_length=1)]
    title: str
    area: Area
    kinds: Annotated[tuple[SiteKind, ...], Field(min_length=1)]
    sensitive_only: bool = False
    beside: bool = False
    night: Night = Field(default_factory=Night)
    source: str
    note: str = ""
    limit: Annotated[tuple[LimitEntry, ...], Field(min_length=1)]
    law: tuple[Law, ...] = ()

    _file: str = PrivateAttr("")

    @field_validator("law", mode="before")
    @classmethod
    def _by_subject(cls, law: Any) -> Any:
        """``law = "fume"`` stands for the laws of that subject in rules/laws.toml."""
        return law_of(law) if isinstance(law, str) else law

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [limit.id for limit in self.limit]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"limit id {twice[0]!r} is there twice; give each limit its own id")
        return self

    @model_validator(mode="after")
    def _one_law_a_day(self) -> Self:
        one_at_a_time("law", self.law)
        return self

    @model_validator(mode="after")
    def _one_value_a_clause(self) -> Self:
        for one, other in combinations(self.limit, 2):
            if _same_clause(one, other) and (days := common_days(self, one, other)):
                raise ValueError(
                    f"limits {one.id!r} and {other.id!r} are one clause with two values, {days}; "
                    "give them other days, hours, sizes, phases or noise_classes, or keep one"
                )
        return self

    @model_validator(mode="after")
    def _what_comes_and_goes_replaces_nothing(self) -> Self:
        passing = [limit.id for limit in self.limit if limit.during]
        if passing and not self.beside:
            raise ValueError(
                f"limit {passing[0]!r} holds only during hours of the calendar and would replace those "
                "of other times; put it into a pack of its own with beside = true"
            )
        return self

    @property
    def file(self) -> str:
        """The file that it was read from, for messages."""
        return self._file

    def read_from(self, file: str) -> "Pack":
        """The same, knowing its file."""
        same = self.model_copy()
        same._file = file  # noqa: SLF001 - its own
        return same

    def law_on(self, day: date) -> Law | None:
        """The law that applies to a violation on that day, if the pack knows it."""
        return next((law for law in self.law if law.in_force(day)), None)


def one_at_a_time(key: str, periods: Sequence[InForce]) -> None:
    """Refuse periods of which two are in force on one day.

    Raises:
        ValueError: names both and the remedy.
    """
    for (first, one), (second, other) in combinations(enumerate(periods), 2):
        if days := common_days(one, other):
            raise ValueError(
                f"{key}[{first}] and {key}[{second}] are both in force {days}; "
                "end one with in_force_to before the other begins"
            )


def _same_clause(one: LimitEntry, other: LimitEntry) -> bool:
    """Whether both are the same clause, for the same sites and times, whatever the value and the days."""
    own = {"id", "value", "mark", "clause_mark", "window_mark", "in_force_from", "in_force_to"}
    return one.model_dump(exclude=own) == other.model_dump(exclude=own)
