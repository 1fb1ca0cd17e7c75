"""The register of the first simulated city: an invented district of Linjiang (临江市)."""

from typing import Final

import numpy as np

from domain.register import Account, City, GridCell, GridLevel, Monitor, Place, Role, Squad
from domain.site import Protocol, SiteKind
from simulators import outline
from simulators.places import places
from simulators.randomness import stream

__all__ = ["CITY_PREFIX", "build_city", "outlines"]

CITY_PREFIX: Final = "3206"
"""Area of the city's context series: a prefix of every area code in it."""

outlines = outline.outlines

_ORDINALS: Final = "一二三四五六七八九"
_HJ212_OF_FIVE: Final = (2, 4)  # two devices of five speak HJ 212: 40 %


def build_city(seed: int = 1, *, restaurants: int = 60, sites: int = 20) -> City:
    """Build the register.

    Args:
        seed: decides where places lie and which passwords devices have.
        restaurants: how many; more than there are names get branch numbers.
        sites: how many construction sites, likewise.
    """
    cells = _cells()
    grid = [cell.code for cell in cells if cell.level is GridLevel.GRID]
    restaurant_places = _restaurants(seed, restaurants, grid)
    site_places = _sites(seed, sites, grid)
    monitors = _monitors(seed, restaurant_places, "fume") + _monitors(seed, site_places, "dust")
    return City(
        cells=tuple(cells),
        squads=tuple(_squads()),
        places=tuple(restaurant_places + site_places),
        monitors=tuple(monitors),
        accounts=tuple(_accounts()),
    )


def _cells() -> list[GridCell]:
    names = places()
    cells = [
        GridCell(code=names.city_code, name=names.city_name, level=GridLevel.CITY),
        GridCell(
            code=names.district_code,
            name=names.district_name,
            level=GridLevel.DISTRICT,
            parent=names.city_code,
        ),
    ]
    for index, subdistrict in enumerate(names.subdistricts):
        code = _subdistrict_code(index)
        cells.append(
            GridCell(
                code=code, name=subdistrict.name, level=GridLevel.SUBDISTRICT, parent=names.district_code
            )
        )
        owned = sum(owner == index for _, _, owner in outline.cells())
        cells += [
            GridCell(
                code=f"{code}{number:03d}",
                name=f"{subdistrict.name.removesuffix('街道')}第{_ORDINALS[number - 1]}网格",
                level=GridLevel.GRID,
                parent=code,
            )
            for number in range(1, owned + 1)
        ]
    return cells


def _subdistrict_code(index: int) -> str:
    return f"{places().district_code}{index + 1:03d}"


def _squads() -> list[Squad]:
    return [
        Squad(squad=f"squad-{subdistrict.key}", name=subdistrict.squad, grid_code=_subdistrict_code(index))
        for index, subdistrict in enumerate(places().subdistricts)
    ]


def _accounts() -> list[Account]:
    password = places().demo_password
    people = [
        Account(username="duty", password=password, name="值守员", role=Role.VIEWER),
        Account(username="supervisor", password=password, name="督办员", role=Role.SUPERVISOR),
        Account(username="operator", password=password, name="运维员", role=Role.OPERATOR),
    ]
    squads = [
        Account(
            username=subdistrict.key,
            password=password,
            name=subdistrict.squad,
            role=Role.SQUAD,
            squad=f"squad-{subdistrict.key}",
        )
        for subdistrict in places().subdistricts
    ]
    return people + squads


def _restaurants(seed: int, count: int, grid: list[str]) -> list[Place]:
    rows = places().restaurants
    spots = _spots(seed, "restaurant", count, grid)
    return [
        Place(
            site=f"r{index + 1:04d}",
            name=_branch(rows[index % len(rows)].name, index // len(rows)),
            kind=SiteKind.RESTAURANT,
            area=places().district_code,
            grid_code=code,
            lon=lon,
            lat=lat,
            address=address,
            stoves=rows[index % len(rows)].stoves,
        )
        for index, (code, lon, lat, address) in enumerate(spots)
    ]


def _sites(seed: int, count: int, grid: list[str]) -> list[Place]:
    rows = places().sites
    spots = _spots(seed, "site", count, grid)
    return [
        Place(
            site=f"c{index + 1:04d}",
            name=_branch(rows[index % len(rows)].name, index // len(rows)),
            kind=SiteKind.CONSTRUCTION,
            area=places().district_code,
            grid_code=code,
            lon=lon,
            lat=lat,
            address=address,
            sensitive=rows[index % len(rows)].sensitive,
            phase=rows[index % len(rows)].phase,
        )
        for index, (code, lon, lat, address) in enumerate(spots)
    ]


def _branch(name: str, number: int) -> str:
    return name if number == 0 else f"{name}({number + 1}号)"


def _spots(seed: int, name: str, count: int, grid: list[str]) -> list[tuple[str, float, float, str]]:
    """(grid code, longitude, latitude, address) of each place; every cell gets its share."""
    draws = stream(seed, f"{name}-spots")
    lattice = outline.cells()
    order = np.concatenate([draws.permutation(len(grid)) for _ in range(-(-count // len(grid)))])[:count]
    uv = draws.uniform(0.15, 0.85, (count, 2))
    streets = draws.integers(len(places().streets), size=count)
    numbers = draws.integers(1, 400, count)
    found = []
    for cell, (u, v), street, number in zip(order, uv, streets, numbers, strict=True):
        row, column, _ = lattice[cell]
        lon, lat = outline.inside(row, column, float(u), float(v))
        found.append((grid[cell], lon, lat, f"{places().streets[street]}{number}号"))
    return found


def _monitors(seed: int, where: list[Place], prefix: str) -> list[Monitor]:
    draws = stream(seed, f"{prefix}-passwords")
    codes = draws.integers(100_000, 1_000_000, len(where))
    tokens = draws.integers(0, 2**62, len(where))
    monitors = []
    for index, place in enumerate(where):
        hj212 = index % 5 in _HJ212_OF_FIVE
        monitors.append(
            Monitor(
                device=_mn(place, index) if hj212 else f"{prefix}-{index + 1:04d}",
                site=place.site,
                protocol=Protocol.HJ212 if hj212 else Protocol.MQTT,
                password=str(codes[index]) if hj212 else f"{tokens[index]:016x}",
                model="YY-20" if place.kind is SiteKind.RESTAURANT else "YC-50",
            )
        )
    return monitors


def _mn(place: Place, index: int) -> str:
    """An MN of 24 hexadecimal characters, as HJ 212-2017 wants it."""
    kind = "0F" if place.kind is SiteKind.RESTAURANT else "0D"
    return f"{place.area}00A89000{kind}{index + 1:08d}"
