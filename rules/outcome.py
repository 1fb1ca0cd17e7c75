"""What a set of packs makes of a whole record: counts, and the windows of which episodes are made."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.evaluation import Evaluation, Verdict
from rules.judged import VERDICTS, Judged
from rules.limits import Limit

_EXCEED: Final = VERDICTS.index(Verdict.EXCEED)
_PASS: Final = VERDICTS.index(Verdict.PASS)

_AT_ONCE: Final = 250
"""Devices whose windows are structs at a time: a bad month of a thousand devices has a million of them."""

_Awaited = dict[Limit, npt.NDArray[np.int64]]
_Telling = dict[Limit, list[Judged]]


class Outcome:
    """Final verdicts, added in order of time.

    Kept are counts and the telling windows: those that exceed, and after each of them as many passing ones
    as can end an episode. More passing windows would change no episode, and are nearly all there are.

    Args:
        devices: how many there are.
        clear_after: passing windows in a row that end an episode.

    Attributes:
        exceedances: exceeding windows by device number.
    """

    def __init__(self, devices: int, clear_after: int) -> None:
        self.exceedances: Final = np.zeros(devices, np.int64)
        self._clear_after = clear_after
        self._verdicts = np.zeros(len(VERDICTS), np.int64)
        self._awaited: _Awaited = {}
        self._telling: _Telling = defaultdict(list)

    @property
    def verdicts(self) -> Mapping[Verdict, int]:
        """Verdict → windows."""
        return dict(zip(VERDICTS, self._verdicts.tolist(), strict=True))

    def add(self, judged: Judged) -> None:
        """Take one limit in one window, later than those of the same limit that went before."""
        device, verdict = judged.findings["device"], judged.findings["verdict"]
        self._verdicts += np.bincount(verdict, minlength=len(VERDICTS))
        exceeding = verdict == _EXCEED
        self.exceedances[device[exceeding]] += 1
        awaited = self._awaited.setdefault(judged.limit, np.zeros_like(self.exceedances))
        ending = (verdict == _PASS) & (awaited[device] > 0)
        awaited[device[ending]] -= 1
        awaited[device[exceeding]] = self._clear_after
        telling = exceeding | ending
        if telling.any():
            self._telling[judged.limit].append(
                Judged(judged.limit, judged.span, judged.findings[telling], {})
            )

    def series(self, names: Sequence[str]) -> Iterator[list[Evaluation]]:
        """The telling windows of each limit at each device, in order of time, without adjustments.

        Args:
            names: the devices by their number.
        """
        for told in self._telling.values():
            for begin in range(0, len(names), _AT_ONCE):
                series: dict[str, list[Evaluation]] = defaultdict(list)
                for judged in told:
                    for evaluation in _between(judged, begin, begin + _AT_ONCE).evaluations(
                        names, final=True
                    ):
                        series[evaluation.device].append(evaluation)
                yield from series.values()


def _between(judged: Judged, first: int, end: int) -> Judged:
    """The findings of the devices from one number to another."""
    begin, stop = np.searchsorted(judged.findings["device"], (first, end))
    return Judged(judged.limit, judged.span, judged.findings[begin:stop], {})
