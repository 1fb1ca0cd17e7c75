"""What stands before ``=`` in the command parameters (HJ 212-2017, 6.3.4 and table 5)."""

from functools import lru_cache
from typing import Final, NamedTuple

from ingest.hj212.message import Message, readable

_SQUEEZE: Final = str.maketrans("", "", " \t\r\n\0")
_CACHED: Final = 48

_SUFFIXES: Final = {
    name.lower(): name
    for name in (
        *("SampleTime", "Rtd", "Min", "Avg", "Max", "Cou", "ZsRtd", "ZsMin", "ZsAvg", "ZsMax"),
        *("Flag", "EFlag", "Data", "DayData", "NightData", "Info", "SN", "RS", "RT"),
    )
} | {"td": "Rtd"}  # LA-td: a misprint that many devices copied


class Key(NamedTuple):
    """A key, taken apart.

    Attributes:
        sent: as sent, without blanks.
        code: its factor or equipment code, upper case.
        suffix: what of it is told, as the standard spells it; empty if nothing is said.
    """

    sent: str
    code: str
    suffix: str


def key(name: str) -> Key:
    """Key, code and suffix of ``a34001-Rtd``, ``LA-Rtd-Flag`` or ``a21026-i22004-Info``."""
    return _known(name) if len(name) <= _CACHED else _key(name)


def _key(name: str) -> Key:
    sent = readable(name.translate(_SQUEEZE))
    parts = sent.split("-")
    suffix = ""
    while len(parts) > 1 and parts[-1].lower() in _SUFFIXES:
        suffix = suffix or _SUFFIXES[parts[-1].lower()]
        parts.pop()
    return Key(sent, "-".join(parts).upper(), suffix)


def items(message: Message) -> list[tuple[Key, str]]:
    """The members of the command parameters, each with its key taken apart, in order."""
    return [(key(name), text) for name, text in zip(message.names, message.texts, strict=True)]


_known = lru_cache(maxsize=4096)(_key)  # devices of different forms share most of their keys
