"""An evaluation (评价): one limit, one device, one window → a verdict."""

import uuid
from enum import StrEnum
from typing import Any, Final

import msgspec

from domain.report import Aware

_NAMESPACE: Final = uuid.UUID("5d0c8a3e-7f0e-5b1c-9a55-0d6f2f0c7a11")


class Verdict(StrEnum):
    """What a window says of a limit; the last two are never ``pass``."""

    PASS = "pass"  # noqa: S105 - a verdict
    EXCEED = "exceed"
    INVALID = "invalid"  # too few valid samples
    INDETERMINATE = "indeterminate"  # context that could change the verdict is missing


class Evaluation(msgspec.Struct, frozen=True, gc=False):
    """The result of judging one window of one device against one limit.

    Attributes:
        device: the judged device.
        standard: number of the standard, such as ``DB32/4437-2022``; ``yanchen/health`` is none.
        limit: id of the limit in its pack.
        factor: the judged factor; ``device`` where the device's own health was judged.
        window_start: start of the window, included.
        window_end: its end, excluded.
        statistic: ``mean``, ``energy_mean`` or ``max``; of a device's health what was looked for.
        value: the figure compared, after adjustments, in ``unit``; null where there is none.
        limit_value: what it was compared with; more than this is an exceedance.
        unit: unit of both.
        verdict: the result.
        n_valid: samples that counted.
        n_expected: ⌊window ÷ reporting interval⌋.
        adjustments: what was done to the statistic, each with its kind and amount.
        clause: where the standard says so.
        revision: 1 at first, higher with every change by late data.
        final: no data within the allowed lateness can change it any more.
    """

    device: str
    standard: str
    limit: str
    factor: str
    window_start: Aware
    window_end: Aware
    statistic: str
    value: float | None
    limit_value: float
    unit: str
    verdict: Verdict
    n_valid: int
    n_expected: int
    adjustments: tuple[dict[str, Any], ...]
    clause: str
    revision: int
    final: bool

    @property
    def id(self) -> uuid.UUID:
        """The same for every revision: made of standard, limit, device and window."""
        key = f"{self.standard}|{self.limit}|{self.device}|{self.window_start.timestamp():.3f}"
        return uuid.uuid5(_NAMESPACE, key)
