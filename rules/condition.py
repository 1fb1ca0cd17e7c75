"""Limits that depend on the site: on a restaurant's size, a phase of construction, a noise class.

Where the register does not say what a limit depends on, the loosest of them holds: what exceeds it
exceeds the right one, whichever that is, so the lead is true. Where some value has no limit at all,
none holds.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from domain.site import NoiseClass, Site, Size
from rules.limit_entry import LimitEntry

_ALL: Final[Mapping[str, frozenset[str]]] = {"sizes": frozenset(Size), "noise_classes": frozenset(NoiseClass)}
"""Every value there is; phases are the city's words, known are those that the pack names."""

_ASKED: Final = {"sizes": "stoves", "phases": "phase", "noise_classes": "noise_class"}
"""Key of a limit → what the register must say of the site."""


def objections(entries: Sequence[LimitEntry], site: Site) -> dict[str, str]:
    """Why limits of one factor do not hold for a site, by their ids; those left out hold.

    Args:
        entries: all limits of one factor that a pack has on the day.
        site: the site.
    """
    against: dict[str, str] = {}
    for entry in entries:
        key = condition(entry)
        if key is not None:
            against |= _objection(entry, key, [each for each in entries if _alike(entry, each, key)], site)
    return against


def condition(entry: LimitEntry) -> str | None:
    """The key by which a limit depends on the site, if it does."""
    return next((key for key in _ASKED if getattr(entry, key)), None)


def _alike(entry: LimitEntry, other: LimitEntry, key: str) -> bool:
    """Whether both are the same limit for other sites."""
    same = ("statistic", "window_minutes", "period", "hours", "during", "allowed_per_day")
    return bool(getattr(other, key)) and all(getattr(entry, k) == getattr(other, k) for k in same)


def _objection(entry: LimitEntry, key: str, family: Sequence[LimitEntry], site: Site) -> dict[str, str]:
    values = frozenset(value for each in family for value in getattr(each, key))
    every = _ALL.get(key, values)
    own = {"sizes": site.size, "phases": site.phase, "noise_classes": site.noise_class}[key]
    if own in every:
        return {} if own in getattr(entry, key) else {entry.id: _is_for(entry, key, f"the site is {own}")}
    unknown = f"the register does not say its {_ASKED[key]}"
    if values != every:
        return {entry.id: _is_for(entry, key, f"{unknown}, and others of them have no limit")}
    loosest = max(family, key=lambda each: each.value)
    if entry is loosest:
        return {}
    return {entry.id: _is_for(entry, key, f"{unknown}, so the loosest holds ({loosest.id})")}


def _is_for(entry: LimitEntry, key: str, why: str) -> str:
    return f"it is for {key} {', '.join(getattr(entry, key))}; {why}"
