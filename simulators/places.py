"""The invented names: what ``places.toml`` holds, typed."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class RestaurantRow:
    """A restaurant of the invented city, with how it behaves."""

    name: str
    habit: str
    stoves: float
    conduct: str


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A construction site of the invented city, with how it behaves."""

    name: str
    habit: str
    phase: str
    sensitive: bool
    conduct: str


@dataclass(frozen=True, slots=True)
class Subdistrict:
    """A subdistrict and the squad that answers for it."""

    key: str
    name: str
    squad: str


@dataclass(frozen=True, slots=True)
class Places:
    """All names; codes are administrative codes."""

    city_code: str
    city_name: str
    district_code: str
    district_name: str
    demo_password: str
    subdistricts: tuple[Subdistrict, ...]
    streets: tuple[str, ...]
    restaurants: tuple[RestaurantRow, ...]
    sites: tuple[SiteRow, ...]


@cache
def places() -> Places:
    """The names, read once."""
    text = resources.files("simulators").joinpath("places.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    city = data["city"]
    return Places(
        city_code=city["code"],
        city_name=city["name"],
        district_code=city["district_code"],
        district_name=city["district_name"],
        demo_password=data["demo_password"],
        subdistricts=tuple(Subdistrict(**row) for row in data["subdistrict"]),
        streets=tuple(data["streets"]["names"]),
        restaurants=tuple(RestaurantRow(*row) for row in data["restaurants"]["rows"]),
        sites=tuple(SiteRow(*row) for row in data["construction"]["rows"]),
    )
