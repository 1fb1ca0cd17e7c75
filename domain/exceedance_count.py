"""How often limits were exceeded: windows by site and limit, a day, a month, a year.

The view ``exceedance_counts`` (migration 0010) says the same of what is stored, without ``n_beyond``.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum

import msgspec

from domain.allowance import Allowed, local_day, with_allowance
from domain.evaluation import Evaluation, Verdict


class Period(StrEnum):
    """What is counted over, in China's time; each begins on its first day."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"

    def starts(self, day: date) -> date:
        """First day of the period that holds a day."""
        match self:
            case Period.DAY:
                return day
            case Period.MONTH:
                return day.replace(day=1)
        return day.replace(month=1, day=1)


class ExceedanceCount(msgspec.Struct, frozen=True, order=True):
    """Exceeding windows of one limit at one site in one period.

    Attributes:
        site: the site.
        standard: number of the standard.
        limit: id of the limit.
        factor: the judged factor.
        period: day, month or year.
        starts: its first day.
        n_exceed: exceeding windows of all devices of the site.
        n_beyond: those of them beyond what the standard allows each device a day.
    """

    site: str
    standard: str
    limit: str
    factor: str
    period: Period
    starts: date
    n_exceed: int
    n_beyond: int


def count_exceedances(
    evaluations: Iterable[Evaluation], site_of: Mapping[str, str], allowed: Allowed
) -> list[ExceedanceCount]:
    """Count exceeding windows.

    Args:
        evaluations: the newest revision of each window, in the order of time.
        site_of: device → site; other devices are passed over.
        allowed: as packs say; the days must be whole for ``n_beyond`` to be right.

    Returns:
        Counts above zero, sorted.
    """
    counts: dict[tuple[str, str, str, str, Period, date], list[int]] = {}
    exceeding = (each for each in evaluations if each.verdict is Verdict.EXCEED and each.device in site_of)
    for each, is_allowed in with_allowance(exceeding, allowed):
        for period in Period:
            starts = period.starts(local_day(each))
            key = (site_of[each.device], each.standard, each.limit, each.factor, period, starts)
            total = counts.setdefault(key, [0, 0])
            total[0] += 1
            total[1] += not is_allowed
    return sorted(ExceedanceCount(*key, *total) for key, total in counts.items())
