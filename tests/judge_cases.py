"""Invented records for judging: every area and kind, and most of all what lies on an edge.

Windows at 06:00, 22:00, midnight and the days on which standards change; means equal to a limit
and just beside it; late, doubled, flagged and missing samples; context that is missing or partial.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

CHINA: Final = timezone(timedelta(hours=8))
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ZONES: Final = (
    *(CHINA, CHINA, UTC),
    *(timezone(timedelta(hours=hours)) for hours in (-12, -3.5, 5.75, 14)),
)
TURNS: Final = tuple(
    datetime.fromisoformat(f"{turn}+08:00")
    for turn in (
        "2002-01-01T00:00",
        "2016-05-01T00:00",
        "2019-01-01T00:00",
        "2019-04-01T00:00",
        "2020-01-01T00:00",
        "2025-12-31T22:00",
        "2026-01-01T00:00",
        "2026-01-01T06:00",
        "2026-03-01T00:00",
        "2026-06-10T06:00",
        "2026-06-10T12:00",
        "2026-06-10T22:00",
        "2026-08-15T00:00",
    )
)
AREAS: Final = (
    "320602",
    "320602",
    "320102",
    "130102",
    "130102",
    "139001",
    "500103",
    "310101",
    "110105",
    "440304",
)
CITIES: Final = ("32", "3206", "320602", "3201", "13", "1301", "130102", "1390", "50", "31", "320")
INTERVALS: Final = (60, 60, 60, 300, 300, 30, 900, 45, 420)
FACTORS: Final = {
    "restaurant": ("oil_fume", "oil_fume", "nmhc", "fume_pm", "fan_on"),
    "construction": ("tsp", "pm10", "noise", "noise_max", "pm25", "temperature"),
}
EDGES: Final[dict[str, tuple[float, ...]]] = {
    "oil_fume": (1.0, 1.0, 2.0),
    "nmhc": (10.0,),
    "fume_pm": (5.0,),
    "tsp": (500, 700, 500, 450, 300),
    "pm10": (80, 230, 110, 180, 270),
    "noise": (55, 70),
    "noise_max": (70, 55, 85),
}
STEPS: Final = (0.0, 0.0, 0.01, 0.1, 0.5, 0.001)
FLAGS: Final = "NTTDCBMFS"


@dataclass(frozen=True)
class Case:
    """What ``yanchen evaluate`` is given: reports and context as lines, sites; perhaps a programme."""

    reports: list[str]
    sites: dict[str, dict[str, Any]]
    context: list[str]
    programme: bool = False


def case(seed: int) -> Case:
    """The record of this number, the same each time."""
    rng = random.Random(seed)
    turn = rng.choice(TURNS)
    sites = {f"device-{number}": _site(rng) for number in range(rng.randint(1, 4))}
    reports = [report for device, site in sites.items() for report in _device(rng, device, site, turn)]
    if rng.random() < 0.2:
        sites.pop(rng.choice(sorted(sites)))
    _disorder(rng, reports)
    return Case(
        [json.dumps(_written(rng, one)) for one in reports],
        sites,
        list(_context(rng, turn)),
        rng.random() < 0.1,
    )


def _site(rng: random.Random) -> dict[str, Any]:
    site: dict[str, Any] = {
        "site": rng.choice(("yard", "kitchen", "gate")),
        "kind": rng.choice(("restaurant", "construction")),
        "area": rng.choice(AREAS),
        "sensitive": rng.random() < 0.6,
        "interval_s": rng.choice(INTERVALS),
        "stoves": rng.choice((None, 2, 6)),
        "phase": None,
    }
    for key in ("site", "sensitive", "interval_s", "stoves", "phase"):
        if rng.random() < 0.1:
            del site[key]
    return site


def _device(
    rng: random.Random, device: str, site: dict[str, Any], turn: datetime
) -> Iterator[dict[str, Any]]:
    """A stretch around the turn in pieces of ten minutes to two hours, each of its own behaviour."""
    interval = timedelta(seconds=site.get("interval_s", 60))
    own = FACTORS[site["kind"]] if rng.random() < 0.9 else FACTORS["restaurant"] + FACTORS["construction"]
    factors = sorted(set(rng.sample(own, rng.randint(1, len(own)))))
    at = turn - timedelta(minutes=rng.choice((0, 15, 20, 30, 60, 119, 150)))
    if rng.random() < 0.3:
        at += timedelta(seconds=rng.choice((0.001, 0.999999, 30, 59.999, 59.999999)))
    end = at + timedelta(minutes=rng.choice((30, 60, 90, 180, 360)))
    while at < end:
        piece_end = at + timedelta(minutes=rng.choice((10, 15, 20, 60, 60, 120)))
        if rng.random() < 0.1:
            at += timedelta(
                minutes=rng.choice((10, 20, 60, 60, 60, 60, 90, 1500))
            )  # a gap, now and then of days
            end = max(end, at + timedelta(minutes=60))
            continue
        piece = _piece(rng, factors)
        while at < piece_end:
            yield from piece.reports(rng, device, at)
            at += interval


@dataclass(frozen=True)
class _Piece:
    """Levels around which the values lie, and how much of them is missing or flagged."""

    levels: dict[str, tuple[float, float]]
    missing: float
    flagged: float
    doubled: float

    def reports(self, rng: random.Random, device: str, at: datetime) -> Iterator[dict[str, Any]]:
        if rng.random() < self.missing:
            return
        yield self._report(rng, device, at)
        if rng.random() < self.doubled:
            yield self._report(rng, device, at)

    def _report(self, rng: random.Random, device: str, at: datetime) -> dict[str, Any]:
        readings = {factor: self._value(rng, factor) for factor in self.levels if rng.random() < 0.98}
        flags = {factor: rng.choice(FLAGS) for factor in readings if rng.random() < self.flagged}
        return {"device": device, "at": at, "readings": readings, "flags": flags}

    def _value(self, rng: random.Random, factor: str) -> float:
        level, step = self.levels[factor]
        value = round(float(level + rng.choice((-step, step))), 3)
        return int(value) if value.is_integer() and rng.random() < 0.5 else value


def _piece(rng: random.Random, factors: list[str]) -> _Piece:
    return _Piece(
        {factor: _level(rng, factor) for factor in factors},
        missing=rng.choice((0, 0, 0, 0, 0.1, 0.24)),
        flagged=rng.choice((0, 0, 0, 0.05, 0.2, 0.5)),
        doubled=rng.choice((0, 0, 0.1)),
    )


def _level(rng: random.Random, factor: str) -> tuple[float, float]:
    """A level on an edge, beside it, or far from it; and the steps up and down from it."""
    if factor not in EDGES:
        return rng.choice((0, 1)), 0
    edge = rng.choice(EDGES[factor])
    match rng.randrange(4):
        case 0:
            return edge, rng.choice(STEPS)
        case 1:
            return edge + rng.choice((-0.01, 0.01, 0.1)), 0
        case 2:
            return edge * rng.uniform(0.8, 1.5), rng.choice((0, edge * 0.1))
        case _:
            return edge, edge * rng.choice((0.1, 0.3))


def _disorder(rng: random.Random, reports: list[dict[str, Any]]) -> None:
    """As they came, backwards, shuffled, or some again at the end."""
    match rng.randrange(4):
        case 0:
            reports.reverse()
        case 1:
            rng.shuffle(reports)
        case 2:
            reports += rng.sample(reports, min(5, len(reports)))


def _written(rng: random.Random, report: dict[str, Any]) -> dict[str, Any]:
    written = {key: value for key, value in report.items() if value or key != "flags"}
    written["at"] = _instant(rng, report["at"])
    if rng.random() < 0.5:
        received = report["at"] + timedelta(seconds=rng.randrange(5, 5000))
        written |= {"seq": rng.randrange(10**6), "source": "mqtt", "received_at": received.isoformat()}
    return written


def _instant(rng: random.Random, at: datetime) -> str | int:
    if rng.random() < 0.2:
        return (at - EPOCH) // timedelta(milliseconds=1)
    return at.astimezone(rng.choice(ZONES)).isoformat().replace("+00:00", "Z")


def _context(rng: random.Random, turn: datetime) -> Iterator[str]:
    """Hours around the turn for some cities; now and then none at all."""
    share = rng.choice((0, 0.5, 0.9, 1))
    first = turn.replace(minute=0) - timedelta(hours=4)
    for area in rng.sample(CITIES, rng.randint(3, len(CITIES))):
        for number in range(40):
            at = first + timedelta(hours=number)
            if rng.random() < share:
                value = rng.choice((0, 30, 70, 100, 149.99, 150, 151, 190, 190.5))
                yield json.dumps(
                    {"series": "city.pm10", "area": area, "at": _instant(rng, at), "value": value}
                )
            if rng.random() < share:
                yield json.dumps({"series": "city.aqi", "area": area, "at": _instant(rng, at)} | _aqi(rng))


def _aqi(rng: random.Random) -> dict[str, Any]:
    primary = rng.choice((None, [], ["pm10"], ["pm25", "o3"], ["o3"], ["pm10", "pm25"]))
    value = {"value": rng.choice((50, 199, 200, 201, 230, 230, 300, 301, 500))}
    return value if primary is None else value | {"primary": primary}
