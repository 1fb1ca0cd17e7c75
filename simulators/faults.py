"""Faults: transforms of a block, apart from behaviour, each recording what it did.

A report has at most one fault, so that what becomes of it can be told beforehand.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec
import numpy as np

from domain.factors import FACTORS
from domain.site import SiteKind
from simulators.block import Block, FaultKind
from simulators.randomness import MINUTES, stream

_DAY_MS: Final = 86_400_000
_TRIES: Final = 20
_SPIKES: Final = {  # values that real sets have been seen to send, none of them plausible
    SiteKind.RESTAURANT: (("oil_fume", 999.99), ("oil_fume", -9.99), ("nmhc", 9999.99)),
    SiteKind.CONSTRUCTION: (("noise", 999.9), ("noise", 0.0), ("humidity", 999.9)),
}
_MAIN: Final = {SiteKind.RESTAURANT: ("oil_fume", 20.0), SiteKind.CONSTRUCTION: ("tsp", 2000.0)}


class FaultRecord(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="truth", tag="fault"):
    """One injected fault, as ``truth.jsonl`` tells it.

    Attributes:
        fault: label of the kind.
        device: the device; for ``unknown_device`` the stranger's name.
        first_ms: true measuring time of the first report it touches.
        last_ms: of the last.
        reports: how many it touches.
        factor: the factor, where it concerns only one.
        detail: what exactly.
    """

    fault: str
    device: str
    first_ms: int
    last_ms: int
    reports: int
    factor: str | None = None
    detail: str = ""


Transform = Callable[[Block, int, np.random.Generator], Iterator[FaultRecord]]


def inject(block: Block, rates: Mapping[FaultKind, float], seed: int) -> list[FaultRecord]:
    """Apply every fault to the block, each with its own draws.

    Args:
        block: changed in place.
        rates: occurrences per thousand reports; a kind that is not named does not occur.
        seed: of the simulation.
    """
    reports = block.fault.size
    found: list[FaultRecord] = []
    for kind, transform in TRANSFORMS.items():
        draws = stream(seed, f"fault-{kind.label}-{block.cast.kind}", block.hour)
        count = int(draws.poisson(rates.get(kind, 0.0) * reports / 1000))
        found += transform(block, count, draws)
    return found


def stranger_name(device: str) -> str:
    """The name under which a device that nobody registered copies this one (same length)."""
    return f"{device[:-4]}9{device[-3:]}"


def _spots(
    block: Block, count: int, draws: np.random.Generator, shortest: int = 1, longest: int = 1
) -> Iterator[tuple[int, int, int]]:
    """(device, first minute, end minute) of untouched reports, spread evenly over the hour."""
    if not len(block.cast):
        return
    for number in range(count):
        for _ in range(_TRIES):
            length = int(draws.integers(shortest, longest + 1))
            minute = min(int((number + draws.random()) / count * MINUTES), MINUTES - length)
            device = int(draws.integers(len(block.cast)))
            if (block.fault[device, minute : minute + length] == FaultKind.NONE).all():
                yield device, minute, minute + length
                break


def _record(
    block: Block, kind: FaultKind, span: tuple[int, int, int], factor: str | None = None, detail: str = ""
) -> FaultRecord:
    device, first, end = span
    start = block.hour * 3_600_000 + int(block.cast.second[device]) * 1000
    return FaultRecord(
        fault=kind.label,
        device=block.cast.monitors[device].device,
        first_ms=start + first * 60_000,
        last_ms=start + (end - 1) * 60_000,
        reports=end - first,
        factor=factor,
        detail=detail,
    )


def lost(block: Block, count: int, draws: np.random.Generator) -> Iterator[FaultRecord]:
    """Spans of 2 to 8 minutes in which a device is dark."""
    for span in _spots(block, count, draws, 2, 8):
        device, first, end = span
        block.fault[device, first:end] = FaultKind.LOST
        yield _record(block, FaultKind.LOST, span)


def late(block: Block, count: int, draws: np.random.Generator) -> Iterator[FaultRecord]:
    """Spans of 3 to 9 minutes that a device keeps and publishes with the last of them."""
    for span in _spots(block, count, draws, 3, 9):
        device, first, end = span
        block.fault[device, first:end] = FaultKind.LATE
        block.carrier[device, first:end] = end - 1
        yield _record(block, FaultKind.LATE, span)


def flagged(block: Block, count: int, draws: np.random.Generator) -> Iterator[FaultRecord]:
    """Spans of 3 to 8 minutes of a fault (D), maintenance (M) or saturation (T) flag."""
    main, top = _MAIN[block.cast.kind]
    row = block.factors.index(main)
    for span in _spots(block, count, draws, 3, 8):
        device, first, end = span
        letter = "DMT"[int(draws.integers(3))]
        rows = slice(None) if letter == "M" else slice(row, row + 1)
        block.flags[rows, device, first:end] = ord(letter)
        if letter != "M":
            block.values[row, device, first:end] = top if letter == "T" else 0.0
        block.fault[device, first:end] = FaultKind.FLAGGED
        yield _record(block, FaultKind.FLAGGED, span, None if letter == "M" else main, letter)


def out_of_range(block: Block, count: int, draws: np.random.Generator) -> Iterator[FaultRecord]:
    """One reading of a report is a value that no working monitor gives."""
    spikes = _SPIKES[block.cast.kind]
    for span in _spots(block, count, draws):
        device, minute, _ = span
        factor, value = spikes[int(draws.integers(len(spikes)))]
        block.values[block.factors.index(factor), device, minute] = value
        block.fault[device, minute] = FaultKind.OUT_OF_RANGE
        unit = FACTORS[factor].unit
        yield _record(block, FaultKind.OUT_OF_RANGE, span, factor, f"{value:g} {unit}")


def future_clock(block: Block, count: int, draws: np.random.Generator) -> Iterator[FaultRecord]:
    """The device's clock is a day ahead for one report."""
    for span in _spots(block, count, draws):
        device, minute, _ = span
        block.at_ms[device, minute] += _DAY_MS
        block.fault[device, minute] = FaultKind.FUTURE_CLOCK
        yield _record(block, FaultKind.FUTURE_CLOCK, span, detail="a day ahead")


def unknown_device(block: Block, count: int, draws: np.random.Generator) -> Iterator[FaultRecord]:
    """A stranger repeats a report under its own name; the report itself goes its way too."""
    for span in _spots(block, count, draws):
        device, minute, _ = span
        block.strangers.append((device, minute))
        record = _record(block, FaultKind.UNKNOWN_DEVICE, span)
        copied = record.device
        yield msgspec.structs.replace(record, device=stranger_name(copied), detail=f"copies {copied}")


def _single(kind: FaultKind, doc: str) -> Transform:
    def transform(block: Block, count: int, draws: np.random.Generator) -> Iterator[FaultRecord]:
        for span in _spots(block, count, draws):
            block.fault[span[0], span[1]] = kind
            yield _record(block, kind, span)

    transform.__doc__ = doc
    return transform


doubled: Final = _single(FaultKind.DOUBLED, "Reports that are published twice.")
corrupt: Final = _single(FaultKind.CORRUPT, "Reports whose bytes are damaged.")
cut: Final = _single(FaultKind.CUT, "Reports whose end is missing.")

TRANSFORMS: Final[dict[FaultKind, Transform]] = {
    FaultKind.LOST: lost,
    FaultKind.LATE: late,
    FaultKind.FLAGGED: flagged,
    FaultKind.DOUBLED: doubled,
    FaultKind.CORRUPT: corrupt,
    FaultKind.CUT: cut,
    FaultKind.OUT_OF_RANGE: out_of_range,
    FaultKind.FUTURE_CLOCK: future_clock,
    FaultKind.UNKNOWN_DEVICE: unknown_device,
}
"""The faults in the order in which they are applied: long spans first, while there is room."""
