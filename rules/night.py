"""Night and quiet hours: which minutes of the local day they are. A window belongs by its start."""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from rules.form import Form, InForce
from rules.window import DAY_MINUTES

NIGHT_MINUTES: Final = 480
"""A night lasts 8 h wherever a county moves it (Environment Code art. 572)."""

_CLOCK: Final = r"([01]\d|2[0-3]):[0-5]\d"

Clock = Annotated[str, Field(pattern=rf"^{_CLOCK}$")]
"""``HH:MM``, local."""


class Night(Form):
    """When the night begins and ends."""

    start: Clock = "22:00"
    end: Clock = "06:00"

    @model_validator(mode="after")
    def _lasts_eight_hours(self) -> Self:
        if (_minute(self.end) - _minute(self.start)) % DAY_MINUTES != NIGHT_MINUTES:
            raise ValueError(
                f"a night from {self.start} to {self.end} is not 8 h (Environment Code art. 572); "
                "move both ends"
            )
        return self

    @property
    def minutes(self) -> frozenset[int]:
        """Minutes of the local day that are night."""
        return _between(self.start, self.end)


class CityNight(Night, InForce):
    """A city's own night, with the days on which it holds."""


def _differ(hours: str) -> str:
    start, end = hours.split("-")
    if start == end:
        raise ValueError(f"{hours} is no time at all; leave the key out for the whole day")
    return hours


Hours = Annotated[str, Field(pattern=rf"^{_CLOCK}-{_CLOCK}$"), AfterValidator(_differ)]
"""``HH:MM-HH:MM``, local, the end excluded; over midnight if the end is earlier."""


def minutes_of(hours: tuple[str, ...]) -> frozenset[int]:
    """Minutes of the local day that lie in any of the ``Hours``."""
    return frozenset(minute for part in hours for minute in _between(*part.split("-")))


def _between(start: str, end: str) -> frozenset[int]:
    first, last = _minute(start), _minute(end)
    return frozenset(
        minute % DAY_MINUTES for minute in range(first, last if last > first else last + DAY_MINUTES)
    )


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])
