"""Scenarios by name: how the city's air is, and how often devices misbehave."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from domain.errors import ConfigError
from simulators.block import FaultKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a simulated city is like.

    Attributes:
        name: by which it is asked for.
        restaurants: how many.
        sites: how many construction sites.
        pm10_level: long-term mean of the city's PM10, µg/m³.
        faults: occurrences per thousand reports, by kind; a span counts once.
    """

    name: str
    restaurants: int = 60
    sites: int = 20
    pm10_level: float = 72.0
    faults: Mapping[FaultKind, float] = field(default_factory=lambda: MappingProxyType({}))


_DEMO_FAULTS: Final = MappingProxyType(
    {
        FaultKind.LOST: 3.5,
        FaultKind.LATE: 3.5,
        FaultKind.FLAGGED: 3.5,
        FaultKind.DOUBLED: 7.0,
        FaultKind.CORRUPT: 5.0,
        FaultKind.CUT: 3.0,
        FaultKind.OUT_OF_RANGE: 5.0,
        FaultKind.FUTURE_CLOCK: 5.0,
        FaultKind.UNKNOWN_DEVICE: 5.0,
    }
)

SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        Scenario(name="demo", faults=_DEMO_FAULTS),
        Scenario(name="clean"),
        Scenario(name="sandstorm", pm10_level=385.0, faults=_DEMO_FAULTS),
        Scenario(name="large", restaurants=8000, sites=2000, faults=_DEMO_FAULTS),
    )
}


def scenario_named(name: str) -> Scenario:
    """The scenario of this name.

    Raises:
        ConfigError: there is none; the message lists the names.
    """
    try:
        return SCENARIOS[name]
    except KeyError:
        raise ConfigError(f"no scenario {name!r}; there are: {', '.join(SCENARIOS)}") from None
