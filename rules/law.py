"""Duty and penalty in the law of a time, chosen by the date of the violation (rules/laws.toml).

The Environment Code replaced the air and noise laws on 2026-08-15. Its art. 1057 applies the law
at the time of the violation unless the newer one is lighter: that comparison is made by people.
"""

import tomllib
from functools import cache
from importlib import resources
from typing import Annotated

from pydantic import Field, TypeAdapter

from rules.form import InForce

Yuan = Annotated[int, Field(ge=0)]


class Law(InForce):
    """What the law of a time asks, and what follows.

    Attributes:
        subject: its name in rules/laws.toml; empty for a pack's own.
        duty: article that says what must be done.
        penalty: article that says what follows.
        fine: least and most, yuan; none where it is not one range.
        refusal: what follows if correction is refused.
        enforcer: who enforces it; a city names its own (docs/packs.md).
        note: what a person must know before quoting it.
        mark: how sure we are of it.
    """

    subject: str = ""
    duty: str
    penalty: str
    fine: tuple[Yuan, Yuan] | None = None
    refusal: str = ""
    enforcer: str = ""
    note: str = ""
    mark: str


@cache
def laws() -> dict[str, tuple[Law, ...]]:
    """The laws that ship, by subject, in order of time."""
    text = resources.files("rules").joinpath("laws.toml").read_text(encoding="utf-8")
    tables = TypeAdapter(dict[str, tuple[Law, ...]]).validate_python(tomllib.loads(text))
    return {
        subject: tuple(law.model_copy(update={"subject": subject}) for law in found)
        for subject, found in tables.items()
    }


def law_of(subject: str) -> tuple[Law, ...]:
    """The laws of a subject.

    Raises:
        ValueError: there is no such subject.
    """
    found = laws().get(subject)
    if found is None:
        raise ValueError(f"{subject!r} is no subject of law; use one of {', '.join(laws())}")
    return found
