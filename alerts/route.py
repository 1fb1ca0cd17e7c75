"""Whose case is it: from a grid cell upwards to the first squad on duty."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.register import GridLevel

SUPERVISION: Final = "supervision"
"""The recipient when no squad answers: shown to supervisors and operators."""

_DISTRICT_LEVELS: Final = frozenset({GridLevel.DISTRICT, GridLevel.CITY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A squad that stands on the way from a cell up to the city.

    Attributes:
        squad: its id.
        name: its name.
        cell: code of the cell that it owns.
        level: level of the cell that it owns.
        on_duty: whether it takes notices.
        webhook_url: where else its notices go.
    """

    squad: str
    name: str
    cell: str
    level: GridLevel
    on_duty: bool
    webhook_url: str | None = None


def responsible(way_up: Sequence[Post]) -> Post | None:
    """The nearest squad on duty; None if nobody owns the cell."""
    return next((post for post in way_up if post.on_duty), None)


def superior(way_up: Sequence[Post], squad: str | None) -> Post | None:
    """The next squad at district level or above that supervises ``squad``; None is ``SUPERVISION``."""
    own = next((place for place, post in enumerate(way_up) if post.squad == squad), None)
    above = way_up if own is None else [post for post in way_up[own:] if post.cell != way_up[own].cell]
    return next((post for post in above if post.on_duty and post.level in _DISTRICT_LEVELS), None)
