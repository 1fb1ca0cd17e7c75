"""The form of a message's body: what its names mean, whatever the texts behind them say.

A device repeats its form with every report. So all that depends on the names alone is worked
out once per form and remembered: which text is the time, which give readings and in which
unit, where their flags stand. Reading a report is then a walk along its form.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from domain.flags import FLAGS
from ingest.hj212.key import Key, key
from ingest.hj212.vendor_map import VendorMap

# Which suffix gives the reading, best first. Zs values (折算, converted to a reference
# oxygen content), totals and extremes are no readings.
_OF_INSTANT: Final = {"Rtd": 0, "": 1, "Avg": 2, "Data": 3, "RS": 4}
_OF_INTERVAL: Final = {"Avg": 0, "Data": 1, "Rtd": 2, "": 3}

_REMEMBERED_NAMES: Final = 128  # a rubbish form may be long, and would be remembered whole
_TIME: Final = ("DATATIME", "")
_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reading may stand.

    Attributes:
        position: of its text.
        factor: the factor.
        scale: the factor's canonical unit, in the unit sent; none if they are the same.
        bare: its key has no suffix, so that a letter there is a flag (``NOIS=N``).
        flags: positions of its flag, best first; true where only a known letter counts.
    """

    position: int
    factor: str
    scale: Decimal | None
    bare: bool
    flags: tuple[tuple[int, bool], ...]


@dataclass(frozen=True, slots=True)
class Form:
    """What the names of a body mean.

    Attributes:
        time: position of DataTime.
        places: where readings may stand, the preferred ones of each factor first.
        raw: key as sent and position; of repeated keys the first.
        told: the same without DataTime and flags.
        flags: the flags alone.
    """

    time: int | None
    places: tuple[Place, ...]
    raw: tuple[tuple[str, int], ...]
    told: tuple[tuple[str, int], ...]
    flags: tuple[tuple[str, int], ...]


def form(names: tuple[str, ...], *, averaged: bool, meanings: VendorMap) -> Form:
    """The form of a body.

    Args:
        names: what stands before each ``=``, as sent.
        averaged: the values belong to an interval.
        meanings: what the codes mean.
    """
    work_out = _remembered if len(names) <= _REMEMBERED_NAMES else _form
    return work_out(names, averaged, meanings)


def _form(names: tuple[str, ...], averaged: bool, meanings: VendorMap) -> Form:
    keys = [(position, parsed) for position, name in enumerate(names) if (parsed := key(name)).sent]
    raw: dict[str, int] = {}
    for position, parsed in keys:
        raw.setdefault(parsed.sent, position)
    times = {parsed.sent for _, parsed in keys if parsed.code == _TIME[0]}
    flags = {parsed.sent for _, parsed in keys if parsed.suffix == "Flag" or parsed.code == "FLAG"} - times
    return Form(
        next((position for position, (_, code, suffix) in keys if (code, suffix) == _TIME), None),
        tuple(_places(keys, _OF_INTERVAL if averaged else _OF_INSTANT, meanings)),
        tuple(raw.items()),
        tuple((sent, position) for sent, position in raw.items() if sent not in times | flags),
        tuple((sent, position) for sent, position in raw.items() if sent in flags),
    )


_remembered = lru_cache(maxsize=512)(_form)


def _places(
    keys: Sequence[tuple[int, Key]], ranks: Mapping[str, int], meanings: VendorMap
) -> Iterable[Place]:
    stated, default = _flags(keys)
    found = []
    for position, (_, code, suffix) in keys:
        meaning = meanings.get(code)
        if meaning is not None and suffix in ranks:
            scale = None if meaning.scale == _ONE else meaning.scale
            flags = (*stated.get(code, ()), *_bare(default, position))
            place = Place(position, meaning.factor, scale, not suffix, flags)
            found.append(((meaning.order, ranks[suffix], position), place))
    return [place for _, place in sorted(found, key=lambda entry: entry[0])]


def _flags(
    keys: Iterable[tuple[int, Key]],
) -> tuple[dict[str, list[tuple[int, bool]]], list[tuple[int, bool]]]:
    """Code → where its flag may stand, and where each ``Flag=N`` that names no code does."""
    stated: dict[str, list[tuple[int, bool]]] = {}
    default: list[tuple[int, bool]] = []
    for position, (_, code, suffix) in keys:
        if suffix == "Flag":
            stated.setdefault(code, []).append((position, False))
        elif not suffix and code == "FLAG":
            default.append((position, True))
        elif not suffix:
            stated.setdefault(code, []).append((position, True))
    return stated, default


def _bare(default: Sequence[tuple[int, bool]], position: int) -> Sequence[tuple[int, bool]]:
    """The ``Flag=N`` for a code there: the only one is for all, each of several for what is before it."""
    return default if len(default) == 1 else [flag for flag in default if flag[0] > position][:1]


def flag_letter(flags: Iterable[tuple[int, bool]], texts: Sequence[str]) -> str:
    """The first letter that stands at one of a place's ``flags``, upper case; empty if none does."""
    for position, known_only in flags:
        letter = texts[position]
        if letter and (not known_only or letter.upper() in FLAGS):
            return letter.upper()
    return ""
