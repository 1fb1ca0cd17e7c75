"""Verdicts: one statistic against one limit, with its adjustments. Pure and per window.

Rule 1: too few valid samples make a window invalid before anything else is asked.
Rule 2: exceed means more than the limit; equal passes.
Rule 3: missing context makes a window indeterminate only where it could change the verdict.

Figures are whole millionths of the limit's unit. ``value`` is the figure that was compared, and
none where no such figure could be formed.
"""

import re
from typing import Any, NamedTuple

from domain.evaluation import Verdict
from domain.instant import from_ms, iso
from rules.context import ContextTable, Found
from rules.limit_entry import AqiDeduction, CityDifference
from rules.limits import MICRO, Limit
from rules.window import HOUR_MS, window_start


class Figures(NamedTuple):
    """What a window holds: the statistic (millionths) and its counts."""

    micro: int
    n_valid: int
    n_saturated: int
    n_expected: int


class Finding(NamedTuple):
    """A verdict, the figure compared (millionths) and what was done to it."""

    verdict: Verdict
    micro: int | None
    adjustments: tuple[dict[str, Any], ...] = ()


class Setting(NamedTuple):
    """Where and when a window lies: the site's area, the window's start (ms), the context known."""

    area: str
    start_ms: int
    context: ContextTable


def judge(limit: Limit, figures: Figures, setting: Setting) -> Finding:
    """Compare a window with a limit.

    Source: valid share and order of the rules, design §5; the adjustments, each standard's pack.
    """
    notes: tuple[dict[str, Any], ...] = ()
    if figures.n_saturated:
        notes = ({"kind": "saturated", "n": figures.n_saturated},)
    if not limit.enough(figures.n_valid, figures.n_expected):
        return Finding(Verdict.INVALID, None, notes)
    match limit.adjustment:
        case AqiDeduction() as deduction:
            finding = _with_aqi(limit, deduction, figures.micro, setting)
        case CityDifference() as difference:
            finding = _with_city(limit, difference, figures.micro, setting)
        case None:
            finding = _compare(limit, figures.micro)
    return finding._replace(adjustments=notes + finding.adjustments) if notes else finding


def _compare(limit: Limit, micro: int, *adjustments: dict[str, Any]) -> Finding:
    return Finding(Verdict.EXCEED if micro > limit.micro else Verdict.PASS, micro, adjustments)


def _with_aqi(limit: Limit, rule: AqiDeduction, micro: int, setting: Setting) -> Finding:
    """TSP less 200 while 200 ≤ AQI ≤ 300 and PM is a primary pollutant (DB32/4437-2022).

    Above 300 people judge, whatever is primary: what the standard says there could not be read.
    """
    found = setting.context.find(rule.series, setting.area, setting.start_ms)
    if found is not None and found.value <= rule.aqi_to:
        matches = _is_primary(rule, found)
        if found.value < rule.aqi_from or matches is False:
            return _compare(limit, micro)
        if matches:
            return _deducted(limit, rule, micro, found, setting)
    if micro <= limit.micro:  # a deduction could only lower it
        return _compare(limit, micro)
    return _undecided(limit, rule, micro, found, setting)


def _deducted(limit: Limit, rule: AqiDeduction, micro: int, found: Found, setting: Setting) -> Finding:
    amount = -round(rule.amount * MICRO)
    note = _note(rule.kind, rule.series, found, setting, amount)
    return _compare(limit, micro + amount, note | {"primary": list(found.primary)})


def _undecided(
    limit: Limit, rule: AqiDeduction, micro: int, found: Found | None, setting: Setting
) -> Finding:
    """Above the limit, and whether the deduction holds is not known."""
    if found is None:
        return Finding(Verdict.INDETERMINATE, None, (_missing(rule.series, setting),))
    if found.value > rule.aqi_to:
        return Finding(Verdict.INDETERMINATE, None, (_manual(rule, found, setting),))
    favourable = _deducted(limit, rule, micro, found, setting)
    unknown = _missing(f"{rule.series}.primary", setting)
    if favourable.verdict is Verdict.EXCEED:
        return favourable._replace(adjustments=(*favourable.adjustments, unknown))
    return Finding(Verdict.INDETERMINATE, None, (unknown,))


def _with_city(limit: Limit, rule: CityDifference, micro: int, setting: Setting) -> Finding:
    """Site less city, of which at most the cap is deducted (DB32/4437-2022, DB13/2934-2019)."""
    cap = None if rule.cap is None else round(rule.cap * MICRO)
    found = setting.context.find(rule.series, setting.area, setting.start_ms)
    if found is not None:
        city = round(found.value * MICRO)
        amount = -(city if cap is None else min(city, cap))
        return _compare(limit, micro + amount, _note(rule.kind, rule.series, found, setting, amount))
    missing = _missing(rule.series, setting)
    if micro <= limit.micro:  # a city's figure is never negative: the difference cannot be more
        return Finding(Verdict.PASS, None, (missing,))
    if cap is not None and micro - cap > limit.micro:  # whatever the city's figure was
        most = {"kind": rule.kind, "series": rule.series, "value": None, "amount": -cap / MICRO}
        return _compare(limit, micro - cap, most, missing)
    return Finding(Verdict.INDETERMINATE, None, (missing,))


def _is_primary(rule: AqiDeduction, found: Found) -> bool | None:
    """Whether a wanted pollutant is primary; none if unknown (above 50 there always is one, HJ 633)."""
    if not found.primary:
        return None
    return not {_plain(name) for name in rule.primary}.isdisjoint(_plain(name) for name in found.primary)


def _plain(name: str) -> str:
    """``PM2.5``, ``pm2_5`` and ``pm25`` are the same pollutant."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _hour(setting: Setting) -> str:
    return iso(from_ms(window_start(setting.start_ms, HOUR_MS)))


def _missing(series: str, setting: Setting) -> dict[str, Any]:
    return {"kind": "context_missing", "series": series, "at": _hour(setting)}


def _manual(rule: AqiDeduction, found: Found, setting: Setting) -> dict[str, Any]:
    note = _note("manual", rule.series, found, setting, 0)
    return note | {"primary": list(found.primary), "reason": f"AQI above {rule.aqi_to:g}: judged by people"}


def _note(kind: str, series: str, found: Found, setting: Setting, amount: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "series": series,
        "area": found.area,
        "at": _hour(setting),
        "value": found.value,
        "amount": amount / MICRO,
    }
