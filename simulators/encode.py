"""From columns to bytes: JSON reports, HJ 212 data, and damaged ones of both."""

from functools import cache
from typing import Final

import numpy as np

from domain.site import SiteKind
from simulators import hj212_frame
from simulators.block import DECIMALS, FACTORS, NORMAL, Block
from simulators.publication import Held
from simulators.randomness import Ints

_CHINA_MS: Final = 8 * 3_600_000


def local_texts(at_ms: Ints, unit: str) -> list[str]:
    """Local time of epoch milliseconds as ``2026-11-21T12:00:00`` (unit ``s``), or with ``.000`` (``ms``)."""
    local = (at_ms + _CHINA_MS).astype("datetime64[ms]")
    texts: list[str] = np.datetime_as_string(local, unit=unit).tolist()  # type: ignore[call-overload]
    return texts


@cache
def _json_template(kind: SiteKind) -> str:
    readings = ",".join(f'"{factor}":%.{DECIMALS[factor]}f' for factor in FACTORS[kind])
    return '{"at":"%s+08:00","seq":%d,"readings":{' + readings + "}"


@cache
def _hj212_template(kind: SiteKind) -> str:
    codes = hj212_frame.CODES[kind]
    items = ";".join(f"{code}-Rtd=%.{DECIMALS[factor]}f,{code}-Flag=%s" for factor, code in codes.items())
    head = f"QN=%s;ST={hj212_frame.SYSTEM[kind]};CN=2011;PW=%s;MN=%s;Flag=5;CP=&&DataTime=%s;"
    return head + items + "&&"


class Encoder:
    """Encodes single reports of one block.

    Args:
        block: after its faults.
        seq: number of each report, shape (D, 60).
    """

    def __init__(self, block: Block, seq: Ints) -> None:
        self._block = block
        self._kind = block.cast.kind
        self._values = np.ascontiguousarray(block.values.transpose(1, 2, 0))
        # Plain lists: reading single entries of an array costs more than the report itself.
        self._odd: list[list[bool]] = (block.flags != NORMAL).any(axis=0).tolist()
        self._numbers: list[list[int]] = seq.tolist()
        self._at_ms: list[list[int]] = block.at_ms.tolist()
        self._hj212: list[bool] = block.cast.hj212().tolist()
        self._at = local_texts(block.at_ms, "s")
        sent = hj212_frame.CODES[self._kind]
        self._sent = [(block.factors.index(factor), factor) for factor in sent]
        self._sent_names = tuple(sent)

    def held(self, device: int, minute: int, name: str) -> Held:
        """What the report says, under the given name."""
        row = self._values[device, minute].tolist()
        flags = self._flags(device, minute)
        at = self._at_ms[device][minute]
        if self._hj212[device]:
            values = tuple(row[index] for index, _ in self._sent)
            known = {factor: flag for factor, flag in flags.items() if factor in self._sent_names}
            return Held(name, at, None, self._sent_names, values, known)
        return Held(name, at, self._numbers[device][minute], self._block.factors, tuple(row), flags)

    def json(self, device: int, minute: int, held: Held) -> bytes:
        """The report as a JSON object."""
        head = (self._at[device][minute], held.seq)
        text = _json_template(self._kind) % (head + held.values)
        if held.flags:
            text += ',"flags":{' + ",".join(f'"{name}":"{flag}"' for name, flag in held.flags.items()) + "}"
        return text.encode() + b"}"

    def hj212(self, device: int, minute: int, held: Held, qn: str) -> bytes:
        """The report as the data of a frame; ``qn`` has 17 digits."""
        at = self._at[device][minute]
        items: list[object] = [qn, self._block.cast.monitors[device].password, held.device, _digits(at)]
        for factor, value in zip(held.factors, held.values, strict=True):
            items += (value, held.flags.get(factor, "N"))
        return (_hj212_template(self._kind) % tuple(items)).encode("ascii")

    def _flags(self, device: int, minute: int) -> dict[str, str]:
        if not self._odd[device][minute]:
            return {}
        letters = self._block.flags[:, device, minute].tolist()
        pairs = zip(self._block.factors, letters, strict=True)
        return {factor: chr(letter) for factor, letter in pairs if letter != NORMAL}


def _digits(text: str) -> str:
    return text.translate(_ONLY_DIGITS)


_ONLY_DIGITS: Final = str.maketrans("", "", "-T:.")


def qn_texts(at_ms: Ints) -> list[str]:
    """Request numbers (QN) of epoch milliseconds: 17 digits of local time."""
    return [_digits(text) for text in local_texts(at_ms, "ms")]


def corrupt_json(payload: bytes) -> bytes:
    """JSON that a flipped byte has spoilt."""
    middle = payload.index(b'"readings":')
    return payload[:middle] + b"\xff" + payload[middle + 1 :]


def cut_short(payload: bytes) -> bytes:
    """The first three fifths: a connection that broke."""
    return payload[: len(payload) * 3 // 5]
