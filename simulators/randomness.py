"""Seeded randomness: every draw is named, so one stream's change moves no other.

A stream is found by (seed, name, block number). Blocks are hours of absolute time, so a
city behaves the same at an instant whenever the simulation was started.
"""

import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MINUTES: int = 60
"""Minutes in a block."""

_KNOT_MINUTES = 5


def stream(seed: int, name: str, block: int = 0) -> np.random.Generator:
    """The generator of a named stream of draws.

    Args:
        seed: of the whole simulation.
        name: what the draws are for.
        block: which hour, or day, of absolute time (not negative).
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode()), block])


def smooth(seed: int, name: str, block: int, devices: int) -> Floats:
    """A wandering signal that is continuous over the edges of blocks.

    Returns:
        Shape (devices, 60): standard normal at knots of 5 minutes, linear between them.
    """
    knots = stream(seed, name, block).standard_normal((devices, MINUTES // _KNOT_MINUTES))
    following = stream(seed, name, block + 1).standard_normal((devices, MINUTES // _KNOT_MINUTES))
    left = np.repeat(knots, _KNOT_MINUTES, axis=1)
    ends = np.concatenate([knots[:, 1:], following[:, :1]], axis=1)
    right = np.repeat(ends, _KNOT_MINUTES, axis=1)
    share = np.tile(np.arange(_KNOT_MINUTES) / _KNOT_MINUTES, MINUTES // _KNOT_MINUTES)
    mixed: Floats = left + (right - left) * share
    return mixed


def blocks(start_ms: int, end_ms: int | None) -> Iterator[int]:
    """Numbers of the hours that touch ``[start_ms, end_ms)``; without end, for ever."""
    hour = start_ms // 3_600_000
    while end_ms is None or hour * 3_600_000 < end_ms:
        yield hour
        hour += 1


def block_minutes(block: int) -> Ints:
    """Epoch minutes of a block, shape (60,)."""
    return np.arange(block * MINUTES, (block + 1) * MINUTES, dtype=np.int64)


def minute_of_day(minutes: Ints) -> Floats:
    """Local minute of the day (UTC+8, all year) of epoch minutes."""
    local: Floats = ((minutes + 8 * 60) % 1440).astype(np.float64)
    return local


def busy(of_day: Floats, start_h: float, end_h: float, ramp_min: float) -> Floats:
    """How far a daily interval is on, from 0 to 1, with ramps at both ends.

    Args:
        of_day: local minutes of the day, any shape.
        start_h: begin, hours.
        end_h: end, hours; may be past 24.
        ramp_min: length of each ramp, minutes.
    """
    length = (end_h - start_h) * 60
    since = (of_day - start_h * 60) % 1440
    level: Floats = np.clip(np.minimum(since, length - since) / ramp_min, 0, 1)
    return level
