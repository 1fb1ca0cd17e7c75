"""Stored readings as the engine's columns."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from domain.instant import to_ms
from rules.columns import CODES, NOT_VALID, OVER_RANGE, VALID, Columns
from rules.window import Int64s
from runtime.readings import Series

_EPOCH_2000_MS: Final = to_ms(datetime(2000, 1, 1, tzinfo=UTC))


class _Part(NamedTuple):
    """What one device reported of one factor, in order of time."""

    at: Int64s
    value: npt.NDArray[np.float64]
    flag: npt.NDArray[np.uint8]


def stored_columns(series: Sequence[Series], devices: Mapping[int, int]) -> Columns:
    """Readings of one factor as columns, sorted by device and instant.

    Args:
        series: at least one, of one factor; each point once.
        devices: point → number of its device.
    """
    ordered = sorted(series, key=lambda one: devices[one.point])
    parts = [_part(one) for one in ordered]
    at, value, flag = (np.concatenate(column) for column in zip(*parts, strict=True))
    numbers = np.array([devices[one.point] for one in ordered], np.int32)
    device = np.repeat(numbers, [len(part.at) for part in parts])
    factor = np.full(len(at), CODES[series[0].factor], np.int8)
    return Columns(device, at, at, factor, value, flag)


def _part(one: Series) -> _Part:
    flag = np.full(len(one.at_us), VALID, np.uint8)
    for instants, code in ((one.saturated_us, OVER_RANGE), (one.doubtful_us, NOT_VALID)):
        if len(instants):
            flag[np.isin(one.at_us, instants)] = code
    part = _Part(one.at_us // 1000 + _EPOCH_2000_MS, one.value, flag)
    if (part.at[1:] > part.at[:-1]).all():
        return part
    # Late data lies behind newer; and the key counts microseconds where the engine counts milliseconds.
    _, first = np.unique(part.at, return_index=True)
    return _Part(part.at[first], part.value[first], part.flag[first])
