"""What a report says of its device's health, as bits: one pass over a batch's columns.

Bits of reports of one minute are or-ed and extremes are taken, and both forget how often and in
which order they were told: so health does not depend on order, repeats or batches.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.factors import FACTORS
from rules.columns import CODES, NEVER, OVER_RANGE, VALID, Columns
from rules.health_pack import HealthPack
from rules.window import Int64s

Bits = npt.NDArray[np.uint32]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

REPORT: Final = 1 << 0
SATURATED: Final = 1 << 1
FAN_ON: Final = 1 << 2
FAN_OFF: Final = 1 << 3
FAN_DRAWS: Final = 1 << 4
FAN_RESTS: Final = 1 << 5
PURIFIER_ON: Final = 1 << 6
PURIFIER_OFF: Final = 1 << 7
PURIFIER_DRAWS: Final = 1 << 8
PURIFIER_RESTS: Final = 1 << 9

_FIRST_OF_FACTORS: Final = 10
_EACH: Final = 4


@dataclass(frozen=True, slots=True)
class Told:
    """Bits of one watched factor.

    Attributes:
        held: the report held a reading of it that was not refused, whatever its flag.
        wild: it held one that no working monitor gives.
        valid: it held a valid one.
        dirty: a valid one above what is too clean.
    """

    held: int
    wild: int
    valid: int
    dirty: int


@dataclass(frozen=True, slots=True)
class Heard:
    """Reports of a batch in the order of the log; all columns have the same length.

    Attributes:
        device: index of the device.
        progress: ``min(at, received_at)``, epoch ms: when it counts here.
        bits: what it says.
        delay: ``received_at - at``, s; NaN where it does not say.
        figures: for each factor with extremes, the reports that hold a valid reading, and its value.
    """

    device: npt.NDArray[np.int32]
    progress: Int64s
    bits: Bits
    delay: Floats
    figures: tuple[tuple[npt.NDArray[np.intp], Floats], ...]

    def __len__(self) -> int:
        return len(self.progress)

    def pick(self, which: slice | npt.NDArray[np.intp]) -> "Heard":
        """Some of the reports, in their order."""
        if isinstance(which, slice) and which == slice(0, len(self)):
            return self
        place = np.full(len(self), -1, np.intp)
        place[which] = np.arange(len(self.progress[which]))
        figures = []
        for of, value in self.figures:
            mine = place[of] >= 0
            figures.append((place[of[mine]], value[mine]))
        return Heard(
            self.device[which], self.progress[which], self.bits[which], self.delay[which], tuple(figures)
        )


class Signals:
    """How readings become bits, by the rules that will look at them.

    Args:
        pack: the rules.

    Attributes:
        told: watched factor → its bits.
        extremes: factors whose least and greatest value are kept.
    """

    def __init__(self, pack: HealthPack) -> None:
        factors = sorted({rule.factor for rule in pack.rule if rule.factor})
        if len(factors) > (32 - _FIRST_OF_FACTORS) // _EACH:
            raise ValueError(f"health rules look at {len(factors)} factors; there are bits for five")
        self.told: Final = {name: _told(number) for number, name in enumerate(factors)}
        self.extremes: Final = tuple(
            sorted({rule.factor for rule in pack.rule if rule.finds == "flat" and rule.factor})
        )
        # The last row is that of a name that is no factor: it says only that there was a report.
        self._any, self._wild, self._valid, self._above, self._upto, self._over = (
            np.zeros(len(FACTORS) + 1, np.uint32) for _ in range(6)
        )
        self._threshold = np.zeros(len(FACTORS) + 1)
        self._over[:-1] = [SATURATED if factor.hj212 else 0 for factor in FACTORS.values()]
        self._watch(pack)

    def heard(self, batch: Columns, wild: Bools) -> Heard:
        """The reports of a batch.

        Args:
            batch: readings; those of one report lie together.
            wild: which of them no working monitor gives.
        """
        new = np.ones(len(batch), np.bool_)
        new[1:] = (batch.device[1:] != batch.device[:-1]) | (batch.at[1:] != batch.at[:-1])
        new[1:] |= batch.progress[1:] != batch.progress[:-1]
        starts = np.flatnonzero(new)
        delay = np.full(len(starts), np.nan)
        if batch.received is not None:
            received = batch.received[starts]
            delay = np.where(received == NEVER, np.nan, (received - batch.at[starts]) / 1000)
        usable = (batch.flag == VALID) & ~wild
        figures = []
        for name in self.extremes:
            mine = np.flatnonzero((batch.factor == CODES[name]) & usable)
            figures.append((np.searchsorted(starts, mine, side="right") - 1, batch.value[mine]))
        bits: Bits = np.bitwise_or.reduceat(self._bits(batch, wild, usable), starts)
        return Heard(batch.device[starts], batch.progress[starts], bits, delay, tuple(figures))

    def _bits(self, batch: Columns, wild: Bools, usable: Bools) -> Bits:
        factor = batch.factor.astype(np.intp)
        with np.errstate(invalid="ignore"):
            above = batch.value > self._threshold[factor]
        found: Bits = self._any[factor] | np.uint32(REPORT)
        told = self._valid[factor] | np.where(above, self._above[factor], self._upto[factor])
        found |= np.where(usable, told, np.uint32(0))
        if wild.any():
            found[wild] = self._wild[factor[wild]] | np.uint32(REPORT)
        over = batch.flag == OVER_RANGE
        if over.any():
            found[over] |= self._over[factor[over]]
        return found

    def _watch(self, pack: HealthPack) -> None:
        for name, threshold, above, upto in (
            ("fan_on", 0.5, FAN_ON, FAN_OFF),
            ("purifier_on", 0.5, PURIFIER_ON, PURIFIER_OFF),
            ("fan_current", pack.idle_current, FAN_DRAWS, FAN_RESTS),
            ("purifier_current", pack.idle_current, PURIFIER_DRAWS, PURIFIER_RESTS),
        ):
            code = CODES[name]
            self._threshold[code], self._above[code], self._upto[code] = threshold, above, upto
        for name, told in self.told.items():
            code = CODES[name]
            self._any[code], self._wild[code], self._valid[code] = told.held, told.wild, told.valid
        for rule in pack.rule:
            if rule.below is not None and rule.factor is not None:
                code = CODES[rule.factor]
                self._threshold[code], self._above[code] = rule.below, self.told[rule.factor].dirty


def _told(number: int) -> Told:
    first = _FIRST_OF_FACTORS + _EACH * number
    return Told(*(1 << first + offset for offset in range(_EACH)))


def running(bits: Bits, on: int, off: int, draws: int) -> Bools:
    """Minutes in which a machine runs: by its switch, or by its current where there is no switch."""
    switched = (bits & np.uint32(on | off)) != 0
    by_switch = (bits & np.uint32(on)) != 0
    by_current = (bits & np.uint32(draws)) != 0
    found: Bools = np.where(switched, by_switch, by_current)
    return found


def resting(bits: Bits, on: int, off: int, draws: int, rests: int) -> Bools:
    """Minutes in which a machine is known to stand."""
    known = (bits & np.uint32(on | off | draws | rests)) != 0
    found: Bools = known & ~running(bits, on, off, draws)
    return found
