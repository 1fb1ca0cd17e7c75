"""Cases (案件): states, and which change of state is allowed.

The law of this file: a case moves only along ``TRANSITIONS``; whoever changes a case
asks ``check_transition`` first and writes the change as an event.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from domain import health
from domain.errors import YanchenError


class CaseState(StrEnum):
    """Where a case stands (design §6)."""

    OPEN = "open"  # 立案线索
    NOTIFIED = "notified"  # 已告知
    ACKNOWLEDGED = "acknowledged"  # 已签收
    ON_SITE = "on_site"  # 已到场
    RECTIFIED = "rectified"  # 已整改
    CLOSED = "closed"  # 已结案
    WITHDRAWN = "withdrawn"  # 已撤销


class Nuisance(StrEnum):
    """Kind of nuisance; a site has at most one open case of each."""

    FUME = "fume"  # 餐饮油烟
    DUST = "dust"  # 扬尘
    NOISE = "noise"  # 噪声
    DEVICE = "device"  # 监测设备异常: a fault of the monitor, no exceedance


NUISANCES: Final[Mapping[str, Nuisance]] = {
    "oil_fume": Nuisance.FUME,
    "fume_pm": Nuisance.FUME,
    "nmhc": Nuisance.FUME,
    "tsp": Nuisance.DUST,
    "pm10": Nuisance.DUST,
    "pm25": Nuisance.DUST,
    "noise": Nuisance.NOISE,
    "noise_max": Nuisance.NOISE,
    health.FACTOR: Nuisance.DEVICE,
}
"""Factor → the nuisance that its exceedance is."""


def nuisance(factor: str) -> Nuisance:
    """The nuisance that an exceedance of this factor, or a finding about a device, is.

    Raises:
        KeyError: the factor has no limit and so no nuisance.
    """
    return NUISANCES[factor]


OPEN_STATES: Final = frozenset(
    {CaseState.OPEN, CaseState.NOTIFIED, CaseState.ACKNOWLEDGED, CaseState.ON_SITE, CaseState.RECTIFIED}
)

TRANSITIONS: Final[dict[CaseState, frozenset[CaseState]]] = {
    CaseState.OPEN: frozenset({CaseState.NOTIFIED, CaseState.ACKNOWLEDGED, CaseState.WITHDRAWN}),
    CaseState.NOTIFIED: frozenset({CaseState.ACKNOWLEDGED, CaseState.WITHDRAWN}),
    CaseState.ACKNOWLEDGED: frozenset({CaseState.ON_SITE, CaseState.WITHDRAWN}),
    CaseState.ON_SITE: frozenset({CaseState.RECTIFIED, CaseState.WITHDRAWN}),
    CaseState.RECTIFIED: frozenset({CaseState.CLOSED, CaseState.ON_SITE, CaseState.WITHDRAWN}),
    CaseState.CLOSED: frozenset(),
    CaseState.WITHDRAWN: frozenset(),
}
"""State → states it may move to; ``rectified → on_site`` is a recheck that failed."""


class IllegalTransition(YanchenError):  # noqa: N818
    """A case cannot move like that; the case is unchanged."""


def check_transition(current: CaseState, new: CaseState) -> None:
    """Refuse a change of state that ``TRANSITIONS`` does not allow.

    Raises:
        IllegalTransition: with both states in its sentence.
    """
    if new not in TRANSITIONS[current]:
        allowed = ", ".join(sorted(TRANSITIONS[current])) or "nothing: it has ended"
        raise IllegalTransition(f"a case that is {current} cannot become {new}; it may become {allowed}")
