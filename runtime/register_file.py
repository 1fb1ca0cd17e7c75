"""A city's JSON file ↔ entries of a register."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from domain.errors import ConfigError
from domain.register import Account, City, GridCell, Monitor, Place, Squad
from runtime.register_check import Entry, Fault, Item

_LISTS: Final[dict[str, type[Item]]] = {
    "cells": GridCell,
    "squads": Squad,
    "places": Place,
    "monitors": Monitor,
    "accounts": Account,
}
_FORM: Final = "see docs/register.md for the form"


def read_city(data: bytes, name: str) -> tuple[list[Entry], list[Fault]]:
    """The entries of a register file, and those that are not of its form.

    Raises:
        ConfigError: it is no JSON object of lists.
    """
    try:
        city = msgspec.json.decode(data, type=dict[str, list[Any]])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: {error}; {_FORM}") from error
    if unknown := city.keys() - _LISTS.keys():
        raise ConfigError(f"{name}: {', '.join(sorted(unknown))} is none of {', '.join(_LISTS)}; {_FORM}")
    entries: list[Entry] = []
    faults: list[Fault] = []
    for kind, items in city.items():
        for number, item in enumerate(items):
            place = f"{kind}[{number}]"
            try:
                entries.append(Entry(place, msgspec.convert(item, _LISTS[kind])))
            except msgspec.ValidationError as error:
                problem, _, path = str(error).partition(" - at `$")
                column = path.strip("`.") or kind
                faults.append(Fault(row=place, column=column, problem=problem, remedy=_FORM))
    return entries, faults


def city_of(entries: Iterable[Entry]) -> City:
    """The entries as a city."""
    kinds: dict[type, list[Any]] = {kind: [] for kind in _LISTS.values()}
    for entry in entries:
        kinds[type(entry.item)].append(entry.item)
    return City(**{name: tuple(kinds[kind]) for name, kind in _LISTS.items()})
