"""Columns kept for hours, as small as they go without losing anything.

A column of whole numbers is kept as its smallest value, the greatest step that divides all
distances from it, and the steps in the narrowest type. A window's instants, a minute apart, take a byte
each, figures of two decimals two, a column that is the same everywhere nothing at all.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rules.columns import Rows

_NARROW: Final = (np.uint8, np.uint16, np.uint32, np.uint64)

Ints = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Column:
    """``base + step · n`` for each ``n``; where ``step`` is 0, all are ``base``."""

    base: int
    step: int
    n: Ints
    dtype: np.dtype[Any]

    def unpacked(self, size: int) -> Ints:
        if not self.step:
            return np.full(size, self.base, self.dtype)
        return (self.n.astype(np.int64) * self.step + self.base).astype(self.dtype, copy=False)


@dataclass(frozen=True, slots=True)
class PackedRows:
    """``Rows`` that are kept, not worked with."""

    columns: tuple[_Column, ...]
    size: int

    def unpacked(self) -> Rows:
        """The same rows as were packed."""
        device, at, micro, flag = (column.unpacked(self.size) for column in self.columns)
        return Rows(device, at, micro, flag)


def packed(rows: Rows) -> PackedRows:
    """Pack rows, at least one."""
    columns: tuple[Ints, ...] = (rows.device, rows.at, rows.micro, rows.flag)
    return PackedRows(tuple(map(_pack, columns)), len(rows))


def _pack(column: Ints) -> _Column:
    base = int(column.min())
    distance = column - base
    step = int(np.gcd.reduce(distance))
    if not step:
        return _Column(base, 0, distance[:0], column.dtype)
    steps = distance // step
    most = int(steps.max())
    narrow = next(kind for kind in _NARROW if most <= np.iinfo(kind).max)
    return _Column(base, step, steps.astype(narrow), column.dtype)
