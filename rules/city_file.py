"""A city file (城市自定规则): everything that a city sets for itself, in one file.

Its own packs (a restaurant programme, the quiet hours of an exam season), its own night, and who
enforces which law there. Night and enforcer change no standard: they make a copy of each wider
standard for the city's area, which wins there because its area is longer.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from rules.form import Form, common_days
from rules.law import law_of
from rules.night import CityNight, Night
from rules.pack_form import Pack, one_at_a_time


class CityFile(Form):
    """A city's own rules; what the keys mean is in docs/packs.md."""

    city: Annotated[str, Field(min_length=1)]
    area: Annotated[str, Field(pattern=r"^\d{2,6}$")]
    source: str
    night: tuple[CityNight, ...] = ()
    enforcer: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    pack: tuple[Pack, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _packs_inherit(cls, keys: Any) -> Any:
        """A pack of the file that names no area or source has the city's."""
        if not isinstance(keys, dict) or not isinstance(keys.get("pack"), list):
            return keys
        shared = {name: keys[name] for name in ("area", "source") if name in keys}
        packs = [shared | pack if isinstance(pack, dict) else pack for pack in keys["pack"]]
        return keys | {"pack": packs}

    @field_validator("enforcer")
    @classmethod
    def _known_subjects(cls, enforcer: dict[str, str]) -> dict[str, str]:
        for subject in enforcer:
            law_of(subject)
        return enforcer

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        one_at_a_time("night", self.night)
        for pack in self.pack:
            if not pack.area.startswith(self.area):
                raise ValueError(
                    f"pack {pack.standard!r} is for area {pack.area!r}, outside the city's {self.area!r}; "
                    "correct one of them, or put the pack into a file of its own"
                )
        return self


def with_cities(packs: Iterable[Pack], cities: Sequence[CityFile]) -> tuple[Pack, ...]:
    """The packs, each followed by the copies that cities make of it.

    Wider areas come first, so that of two standards copied for one city the narrower still wins. A
    pack that holds beside others is not copied: it would hold twice.
    """
    if not cities:
        return tuple(packs)
    wide_first = sorted(packs, key=lambda pack: len(pack.area))
    return tuple(each for pack in wide_first for each in _with_copies(pack, cities))


def _with_copies(pack: Pack, cities: Sequence[CityFile]) -> Iterator[Pack]:
    for city in cities:
        if pack.area.startswith(city.area):
            pack = _enforced(pack, city)
    yield pack
    for city in cities if not pack.beside else ():
        if city.area.startswith(pack.area) or pack.area.startswith(city.area):
            yield from _copies(pack, city)


def _copies(pack: Pack, city: CityFile) -> Iterator[Pack]:
    """A standard as this city has it: under its own enforcer, then with each of its nights."""
    local = _enforced(pack, city).model_copy(update={"area": max(pack.area, city.area, key=len)})
    local = local.read_from(f"{pack.file} ({city.city})")
    if local.law != pack.law:
        yield local
    if _tells_night(pack, city):
        for night in city.night:
            if days := common_days(pack, night):
                shifted = Night(start=night.start, end=night.end)
                yield local.model_copy(update={"night": shifted} | days.as_keys())


def _tells_night(pack: Pack, city: CityFile) -> bool:
    """Whether it tells day from night, and is not a pack of that area with a night of its own."""
    own = pack.area.startswith(city.area) and "night" in pack.model_fields_set
    return not own and any(limit.period for limit in pack.limit)


def _enforced(pack: Pack, city: CityFile) -> Pack:
    law = tuple(
        each.model_copy(update={"enforcer": city.enforcer.get(each.subject, each.enforcer)})
        for each in pack.law
    )
    return pack.model_copy(update={"law": law})
