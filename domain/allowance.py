"""Exceedances that a standard allows a day (每日允许超标次数), such as the 2 of DB13/2934-2019.

The first n exceeding windows of a device's local day are allowed; from the next on they count. A
window is judged by itself all the same: who joins windows into episodes, or counts them, asks here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime

from domain.evaluation import Evaluation, Verdict
from domain.instant import CHINA

Allowed = Mapping[tuple[str, str], int]
"""(standard, limit) → exceeding windows that it allows a device a day; what is not there is 0."""


def local_day(evaluation: Evaluation) -> date:
    """The local day on which the window starts."""
    return evaluation.window_start.astimezone(CHINA).date()


def midnight_before(at: datetime) -> datetime:
    """Where the local day of an instant begins: counting cannot begin later."""
    return at.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)


def with_allowance(evaluations: Iterable[Evaluation], allowed: Allowed) -> Iterator[tuple[Evaluation, bool]]:
    """Evaluations, each with whether it is an exceedance that its standard still allows on its day.

    Args:
        evaluations: in the order of time, whole local days.
        allowed: how many a standard allows.
    """
    seen: Counter[tuple[str, str, str, date]] = Counter()
    for evaluation in evaluations:
        most = allowed.get((evaluation.standard, evaluation.limit), 0)
        if not most or evaluation.verdict is not Verdict.EXCEED:
            yield evaluation, False
            continue
        key = (evaluation.device, evaluation.standard, evaluation.limit, local_day(evaluation))
        seen[key] += 1
        yield evaluation, seen[key] <= most
