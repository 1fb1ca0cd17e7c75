"""Judging a whole record at once: reports in any order, final evaluations out."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from domain.calendar import CalendarEntry
from domain.context import ContextValue
from domain.evaluation import Evaluation
from domain.report import Report
from domain.site import Site
from rules.engine import Engine
from rules.pack import Pack

_FOREVER_MS: Final = 2**50  # longer than any record: no window closes, and so nothing is late, before the end
_BATCH: Final = 20_000


def patient_engine(sites: Mapping[str, Site], packs: Sequence[Pack]) -> Engine:
    """An engine that waits for everything: its order of arrival cannot matter."""
    return Engine(packs, sites, grace_ms=_FOREVER_MS, lateness_ms=_FOREVER_MS)


def judge_all(engine: Engine, reports: Iterable[Report], context: Sequence[ContextValue]) -> list[Evaluation]:
    """Feed a patient engine everything and take what it finds.

    Args:
        engine: from ``patient_engine``, unused.
        reports: in any order and time zone; of equal (device, at, factor) the first counts.
        context: the city's hours; of the same hour the last counts.

    Returns:
        Final evaluations by device, window, standard, limit.
    """
    engine.context(context)
    stream = iter(reports)
    while batch := list(islice(stream, _BATCH)):
        engine.push(batch)
    return sorted(engine.finish(), key=_order)


def evaluate(
    reports: Iterable[Report],
    sites: Mapping[str, Site],
    context: Sequence[ContextValue],
    packs: Sequence[Pack],
    calendar: Iterable[CalendarEntry] = (),
) -> list[Evaluation]:
    """Judge a record: the same final evaluations as the service gives, without a server.

    Reports of devices without a site are passed over; ``Engine.unknown_devices`` tells which.
    """
    engine = patient_engine(sites, packs)
    engine.update_calendar(calendar)
    return judge_all(engine, reports, context)


def _order(evaluation: Evaluation) -> tuple[str, float, str, str]:
    start = evaluation.window_start.timestamp()
    return evaluation.device, start, evaluation.standard, evaluation.limit
