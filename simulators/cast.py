"""Who plays what: the devices of a register as columns, with how each behaves."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.register import City, Monitor, Place
from domain.site import Protocol, SiteKind
from simulators.places import RestaurantRow, SiteRow, places
from simulators.randomness import Floats, Ints, stream

Texts = npt.NDArray[np.str_]

_LAST_SECOND: Final = 54  # the report of a minute leaves within that minute, its doubling too


@dataclass(frozen=True, slots=True)
class Cast:
    """The devices of one kind of site; every array has one entry per device.

    Attributes:
        kind: the kind of site.
        monitors: the register's devices.
        habit: when the place is busy.
        conduct: how its owner treats the neighbours.
        rank: the place's number among the places of its habit.
        stoves: base stoves; 0 at construction sites.
        second: second of the minute at which the device measures.
    """

    kind: SiteKind
    monitors: tuple[Monitor, ...]
    habit: Texts
    conduct: Texts
    rank: Ints
    stoves: Floats
    second: Ints

    def __len__(self) -> int:
        """Number of devices."""
        return len(self.monitors)

    def hj212(self) -> npt.NDArray[np.bool_]:
        """Which devices speak HJ 212."""
        return np.array([m.protocol is Protocol.HJ212 for m in self.monitors], dtype=np.bool_)


def cast_of(city: City, kind: SiteKind, seed: int) -> Cast:
    """The devices that stand at sites of this kind, in the register's order."""
    where = {place.site: place for place in city.places if place.kind is kind}
    monitors = tuple(monitor for monitor in city.monitors if monitor.site in where)
    roles = [_role(where[monitor.site]) for monitor in monitors]
    habits = [role.habit for role in roles]
    return Cast(
        kind=kind,
        monitors=monitors,
        habit=np.array(habits, dtype=np.str_),
        conduct=np.array([role.conduct for role in roles], dtype=np.str_),
        rank=_ranks(habits),
        stoves=np.array([where[m.site].stoves or 0.0 for m in monitors], dtype=np.float64),
        second=stream(seed, f"{kind}-second").integers(0, _LAST_SECOND + 1, len(monitors)),
    )


def _ranks(habits: list[str]) -> Ints:
    seen: Counter[str] = Counter()
    ranks = []
    for habit in habits:
        ranks.append(seen[habit])
        seen[habit] += 1
    return np.array(ranks, dtype=np.int64)


def _role(place: Place) -> RestaurantRow | SiteRow:
    """The row of ``places.toml`` behind a site id such as ``r0007``."""
    rows: tuple[RestaurantRow, ...] | tuple[SiteRow, ...] = (
        places().restaurants if place.kind is SiteKind.RESTAURANT else places().sites
    )
    return rows[(int(place.site[1:]) - 1) % len(rows)]
