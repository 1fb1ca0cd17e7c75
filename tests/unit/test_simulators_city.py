"""The invented city is one that can be imported, drawn and walked."""

import itertools
import re

import pytest

from domain.register import City, GridLevel, Role
from domain.site import Protocol, SiteKind
from simulators.city import build_city, outlines


@pytest.fixture(scope="module")
def city() -> City:
    return build_city(7)


def contains(ring: list[list[float]], lon: float, lat: float) -> bool:
    inside = False
    for (x1, y1), (x2, y2) in itertools.pairwise(ring):
        if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def area(ring: list[list[float]]) -> float:
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in itertools.pairwise(ring)) / 2


def test_sixty_restaurants_and_twenty_sites_with_one_device_each(city: City) -> None:
    kinds = [place.kind for place in city.places]
    assert kinds.count(SiteKind.RESTAURANT) == 60
    assert kinds.count(SiteKind.CONSTRUCTION) == 20
    assert sorted(m.site for m in city.monitors) == sorted(p.site for p in city.places)
    assert len({m.device for m in city.monitors}) == 80
    assert len({p.name for p in city.places}) == 80


def test_the_grid_is_a_tree_of_four_levels(city: City) -> None:
    levels = {cell.code: cell.level for cell in city.cells}
    above = {
        GridLevel.DISTRICT: GridLevel.CITY,
        GridLevel.SUBDISTRICT: GridLevel.DISTRICT,
        GridLevel.GRID: GridLevel.SUBDISTRICT,
    }
    for cell in city.cells:
        assert cell.code.startswith("3206")
        if cell.parent is None:
            assert cell.level is GridLevel.CITY
        else:
            assert levels[cell.parent] is above[cell.level]
    assert list(levels.values()).count(GridLevel.GRID) == 16


def test_every_site_lies_in_its_grid_cell_and_in_the_outline_of_its_subdistrict(city: City) -> None:
    parents = {cell.code: cell.parent for cell in city.cells if cell.level is GridLevel.GRID}
    rings = {
        feature["properties"]["code"]: feature["geometry"]["coordinates"][0]
        for feature in outlines()["features"]
    }
    for place in city.places:
        inside = [code for code, ring in rings.items() if contains(ring, place.lon, place.lat)]
        assert inside == [parents[place.grid_code]], place
        assert place.area == "320602"


def test_the_outlines_tile_without_gaps() -> None:
    """Neighbours walk their common border both ways, so each inner edge occurs twice."""
    edges: dict[frozenset[tuple[float, ...]], int] = {}
    rings = [feature["geometry"]["coordinates"][0] for feature in outlines()["features"]]
    for ring in rings:
        assert ring[0] == ring[-1]
        assert area(ring) > 0
        for a, b in itertools.pairwise(ring):
            key = frozenset((tuple(a), tuple(b)))
            edges[key] = edges.get(key, 0) + 1
    assert set(edges.values()) == {1, 2}
    outer = [key for key, count in edges.items() if count == 1]
    ends: dict[tuple[float, ...], int] = {}
    for edge in outer:
        for end in edge:
            ends[end] = ends.get(end, 0) + 1
    assert set(ends.values()) == {2}  # one closed border around the district


def test_squads_and_accounts_fit_the_grid(city: City) -> None:
    codes = {cell.code: cell.level for cell in city.cells}
    assert len(city.squads) == 5
    assert all(codes[squad.grid_code] is GridLevel.SUBDISTRICT for squad in city.squads)
    members = {account.squad for account in city.accounts if account.role is Role.SQUAD}
    assert members == {squad.squad for squad in city.squads}
    assert {account.role for account in city.accounts} == set(Role)


def test_three_of_five_devices_speak_mqtt_and_hj212_devices_have_an_mn(city: City) -> None:
    hj212 = [m for m in city.monitors if m.protocol is Protocol.HJ212]
    assert len(hj212) == 32
    assert all(re.fullmatch(r"[0-9A-F]{24}", m.device) for m in hj212)
    assert all(re.fullmatch(r"\d{6}", m.password or "") for m in hj212)
    assert all(m.password for m in city.monitors)


def test_half_of_the_construction_sites_are_sensitive(city: City) -> None:
    assert sum(p.sensitive for p in city.places if p.kind is SiteKind.CONSTRUCTION) == 10


def test_a_seed_is_a_city() -> None:
    assert build_city(3) == build_city(3)
    assert build_city(3) != build_city(4)


def test_a_larger_city_keeps_names_and_devices_apart() -> None:
    large = build_city(1, restaurants=200, sites=50)
    assert len({m.device for m in large.monitors}) == 250
    assert len({p.name for p in large.places}) == 250
