"""The shape of the invented district: 4 × 4 grid cells that tile it, five subdistricts.

Corners of the lattice are shifted and edges bent, each once, so that neighbours share
their border exactly.
"""

import math
from typing import Any, Final

import numpy as np

from simulators.places import places
from simulators.randomness import stream

Point = tuple[float, float]

ROWS: Final = ("0011", "0221", "3244", "3344")
"""Which subdistrict each grid cell belongs to, from south to north, west to east."""

_WEST, _SOUTH, _WIDTH, _HEIGHT = 121.02, 31.86, 0.024, 0.021
_SHAPE_SEED: Final = 3206  # the land stays where it is, whatever the seed of the simulation
_SHIFT, _BEND, _BEND_POINTS = 0.16, 0.05, 3


def cells() -> list[tuple[int, int, int]]:
    """(row, column, subdistrict) of every grid cell, ordered by subdistrict."""
    found = [(r, c, int(digit)) for r, row in enumerate(ROWS) for c, digit in enumerate(row)]
    return sorted(found, key=lambda cell: (cell[2], cell[0], cell[1]))


def corner(row: int, column: int) -> Point:
    """Longitude and latitude of a corner of the lattice, degrees."""
    shift = stream(_SHAPE_SEED, "corner", row * 100 + column).uniform(-_SHIFT, _SHIFT, 2)
    lon = _WEST + (column + shift[0]) * _WIDTH
    lat = _SOUTH + (row + shift[1]) * _HEIGHT
    return round(float(lon), 6), round(float(lat), 6)


def inside(row: int, column: int, u: float, v: float) -> Point:
    """A point of a grid cell: u eastward and v northward, both within [0.15, 0.85]."""
    south = _between(corner(row, column), corner(row, column + 1), u)
    north = _between(corner(row + 1, column), corner(row + 1, column + 1), u)
    lon, lat = _between(south, north, v)
    return round(lon, 6), round(lat, 6)


def outlines() -> dict[str, Any]:
    """The subdistricts as a GeoJSON FeatureCollection; properties: code, name."""
    names = places()
    features = [
        {
            "type": "Feature",
            "properties": {"code": f"{names.district_code}{index + 1:03d}", "name": subdistrict.name},
            "geometry": {"type": "Polygon", "coordinates": [_ring(index)]},
        }
        for index, subdistrict in enumerate(names.subdistricts)
    ]
    return {"type": "FeatureCollection", "features": features}


def _between(a: Point, b: Point, share: float) -> Point:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def _ring(subdistrict: int) -> list[list[float]]:
    """The border of a subdistrict, counterclockwise, first point repeated at the end."""
    walked = {
        edge for row, column, owner in cells() if owner == subdistrict for edge in _cell_edges(row, column)
    }
    # An edge that a neighbour of the same subdistrict walks the other way is inside it.
    edges = {start: end for start, end in walked if (end, start) not in walked}
    first = min(edges)
    ring, node = [corner(*first)], first
    while True:
        following = edges[node]
        ring += [*_bent(node, following), corner(*following)]
        node = following
        if node == first:
            return [list(point) for point in ring]


def _cell_edges(row: int, column: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    corners = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
    return list(zip(corners, corners[1:] + corners[:1], strict=True))


def _bent(start: tuple[int, int], end: tuple[int, int]) -> list[Point]:
    """Points between two corners, the same for both neighbours, in walking order."""
    low, high = min(start, end), max(start, end)
    a, b = corner(*low), corner(*high)
    draws = stream(_SHAPE_SEED, "edge", low[0] * 1_000_000 + low[1] * 10_000 + high[0] * 100 + high[1])
    across = draws.uniform(-_BEND, _BEND, _BEND_POINTS)
    points = []
    for step, bend in zip(np.linspace(0, 1, _BEND_POINTS + 2)[1:-1], across, strict=True):
        lon, lat = _between(a, b, float(step))
        normal = (-(b[1] - a[1]), b[0] - a[0])
        length = math.hypot(*normal)
        points.append(
            (
                round(lon + normal[0] / length * float(bend) * _WIDTH, 6),
                round(lat + normal[1] / length * float(bend) * _HEIGHT, 6),
            )
        )
    return points if start == low else points[::-1]
