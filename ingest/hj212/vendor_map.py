"""Vendor maps: what a code means and in which unit it is sent, as ``factors.toml`` says."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec

from domain.errors import ConfigError
from domain.factors import FACTORS

NATIONAL: Final = "national"


class _Meaning(msgspec.Struct, forbid_unknown_fields=True):
    factor: str
    unit: str
    codes: list[str]


class _Layer(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    codes: list[_Meaning]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code stands for.

    Attributes:
        factor: the factor.
        unit: the unit in which it is sent.
        scale: the factor's canonical unit, in that unit; 1 if they are the same.
        order: the lower wins where a message carries several codes of one factor.
    """

    factor: str
    unit: str
    scale: Decimal
    order: int


class VendorMap(Mapping[str, Meaning]):
    """Code, upper case → its meaning; equal to itself only, so that work done with it can be remembered."""

    __slots__ = ("_codes",)
    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def __init__(self, codes: Mapping[str, Meaning]) -> None:
        self._codes = codes

    def __getitem__(self, code: str) -> Meaning:
        return self._codes[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._codes)

    def __len__(self) -> int:
        return len(self._codes)


def vendors() -> tuple[str, ...]:
    """Names of the layers that a device's ``vendor`` may be made of."""
    return tuple(_document()[1])


@lru_cache(maxsize=256)
def vendor_map(vendor: str | None = None) -> VendorMap:
    """The map of a vendor: its layers, first one first, over the national codes.

    Args:
        vendor: a name of ``vendors()``, several joined by ``+``, or none.

    Raises:
        ConfigError: no layer has that name.
    """
    convert, layers = _document()
    meanings: dict[str, Meaning] = {}
    names = [*(vendor.split("+") if vendor else ()), NATIONAL]
    for name in dict.fromkeys(names):
        if name not in layers:
            known = ", ".join(layers)
            raise ConfigError(f"vendor {vendor!r}: there is no layer {name!r}; known: {known}, joined by '+'")
        for sent in layers[name].codes:
            for code in sent.codes:
                meanings.setdefault(code.upper(), _meaning(sent, convert, len(meanings)))
    return VendorMap(meanings)


def _meaning(sent: _Meaning, convert: Mapping[str, Mapping[str, str]], order: int) -> Meaning:
    canonical = FACTORS[sent.factor].unit
    scale = "1" if sent.unit == canonical else convert[sent.unit][canonical]
    return Meaning(sent.factor, sent.unit, Decimal(scale), order)


@lru_cache(maxsize=1)
def _document() -> tuple[dict[str, dict[str, str]], dict[str, _Layer]]:
    text = files("ingest.hj212").joinpath("factors.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    convert = msgspec.convert(document.pop("convert"), dict[str, dict[str, str]])
    return convert, msgspec.convert(document, dict[str, _Layer])
