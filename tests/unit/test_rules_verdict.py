"""Verdicts of single windows: the vectors of the standards and what missing context may decide."""

from datetime import UTC, date, datetime

import pytest

from domain.context import ContextValue
from domain.evaluation import Verdict
from domain.site import Site, SiteKind
from rules.context import ContextTable
from rules.limits import Book, Limit
from rules.pack import standard_packs
from rules.verdict import Figures, Finding, Setting, judge

NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
PASS, EXCEED, INVALID, UNSURE = Verdict.PASS, Verdict.EXCEED, Verdict.INVALID, Verdict.INDETERMINATE


def limit(area: str, name: str, kind: SiteKind = SiteKind.CONSTRUCTION) -> Limit:
    site = Site(site="s", kind=kind, area=area, sensitive=True)
    holding = Book(standard_packs()).holding(site, date(2026, 11, 21))
    return next(one for limits in holding.values() for one in limits if one.id == name)


def found(rule: Limit, mean: float, *context: ContextValue, area: str = "320602", n: int = 15) -> Finding:
    table = ContextTable()
    table.put(context)
    return judge(rule, Figures(round(mean * 1e6), n, 0, 15), Setting(area, NOON_MS, table))


def city(value: float, area: str = "3206") -> ContextValue:
    return ContextValue("city.pm10", area, NOON, value)


def aqi(value: float, *primary: str) -> ContextValue:
    return ContextValue("city.aqi", "3206", NOON, value, primary or None)


TSP, PM10_JS, PM10_HB = limit("320602", "tsp"), limit("320602", "pm10"), limit("130102", "pm10")
FUME = limit("320602", "oil_fume", SiteKind.RESTAURANT)


@pytest.mark.parametrize(("mean", "verdict"), [(2.0, PASS), (2.000001, EXCEED), (1.99, PASS), (0.0, PASS)])
def test_equality_passes(mean: float, verdict: Verdict) -> None:
    assert found(FUME, mean) == (verdict, round(mean * 1e6), ())


@pytest.mark.parametrize(
    ("mean", "context", "verdict", "value"),
    [
        (650, [aqi(230, "pm10")], PASS, 450),
        (650, [aqi(230, "o3")], EXCEED, 650),
        (650, [aqi(230, "O3", "PM2.5")], PASS, 450),
        (701, [aqi(200, "pm10")], EXCEED, 501),
        (700, [aqi(300, "pm25")], PASS, 500),
        (650, [aqi(199, "pm10")], EXCEED, 650),
        (450, [aqi(230, "pm10")], PASS, 250),
        (100, [aqi(230, "pm10")], PASS, -100),
        (500, [], PASS, 500),
        (501, [], UNSURE, None),
        (900, [], UNSURE, None),
        (650, [aqi(230)], UNSURE, None),
        (750, [aqi(230)], EXCEED, 550),
        (450, [aqi(230)], PASS, 450),
        (650, [aqi(301, "pm10")], UNSURE, None),
        (650, [aqi(301)], UNSURE, None),
        (650, [aqi(301, "so2")], UNSURE, None),
        (450, [aqi(301, "so2")], PASS, 450),
        (450, [aqi(301, "pm10")], PASS, 450),
    ],
)
def test_tsp_with_the_aqi(
    mean: float, context: list[ContextValue], verdict: Verdict, value: float | None
) -> None:
    finding = found(TSP, mean, *context)
    assert (finding.verdict, finding.micro) == (verdict, None if value is None else value * 10**6)


def test_the_deduction_is_on_record() -> None:
    (note,) = found(TSP, 650, aqi(230, "pm10")).adjustments
    assert note == {
        "kind": "aqi_deduction",
        "series": "city.aqi",
        "area": "3206",
        "at": "2026-11-21T12:00:00+08:00",
        "value": 230.0,
        "amount": -200.0,
        "primary": ["pm10"],
    }


@pytest.mark.parametrize(
    ("rule", "area", "mean", "context", "verdict", "value"),
    [
        (PM10_JS, "320602", 260, [city(190)], PASS, 70),
        (PM10_HB, "130102", 260, [city(190, "1301")], EXCEED, 110),
        (PM10_JS, "320602", 270, [city(190)], PASS, 80),
        (PM10_JS, "320602", 270.01, [city(190)], EXCEED, 80.01),
        (PM10_JS, "320602", 60, [city(190)], PASS, -130),
        (PM10_JS, "320602", 80, [], PASS, None),
        (PM10_JS, "320602", 81, [], UNSURE, None),
        (PM10_JS, "320602", 900, [], UNSURE, None),
        (PM10_HB, "130102", 80, [], PASS, None),
        (PM10_HB, "130102", 230, [], UNSURE, None),
        (PM10_HB, "130102", 231, [], EXCEED, 81),
        (PM10_HB, "130102", 200, [city(150, "130102")], PASS, 50),
        (PM10_JS, "320602", 260, [city(190, "3206"), city(10, "32")], PASS, 70),
        (PM10_JS, "320602", 260, [city(190, "3201")], UNSURE, None),
    ],
)
def test_pm10_less_the_citys(  # noqa: PLR0917 - the columns of the table
    rule: Limit, area: str, mean: float, context: list[ContextValue], verdict: Verdict, value: float | None
) -> None:
    finding = found(rule, mean, *context, area=area)
    assert (finding.verdict, finding.micro) == (verdict, None if value is None else round(value * 10**6))


def test_missing_context_is_on_record() -> None:
    (note,) = found(PM10_JS, 81).adjustments
    assert note == {"kind": "context_missing", "series": "city.pm10", "at": "2026-11-21T12:00:00+08:00"}


def test_too_few_samples_are_invalid_before_anything_else() -> None:
    assert found(TSP, 900, n=11) == (INVALID, None, ())
    assert found(TSP, 900, aqi(100), n=12).verdict is EXCEED  # 12 of 15 are 80 %, 11 are 73 %


def test_where_no_sample_is_expected_none_is_enough() -> None:
    assert judge(FUME, Figures(0, 1, 0, 0), Setting("320602", NOON_MS, ContextTable())).verdict is INVALID


def test_saturation_is_on_record_whatever_the_verdict() -> None:
    setting = Setting("320602", NOON_MS, ContextTable())
    note = ({"kind": "saturated", "n": 2},)
    assert judge(FUME, Figures(1, 8, 2, 10), setting) == (PASS, 1, note)
    assert judge(FUME, Figures(1, 7, 2, 10), setting) == (INVALID, None, note)


@pytest.mark.parametrize("value", [-999.0, float("nan"), float("inf")])
def test_a_figure_that_cannot_be_one_is_missing(value: float) -> None:
    assert found(PM10_JS, 90, city(value)).verdict is UNSURE


def test_context_of_the_hour_that_holds_the_windows_start() -> None:
    table = ContextTable()
    table.put([city(190)])
    late = Setting("320602", NOON_MS + 45 * 60_000, table)
    next_hour = Setting("320602", NOON_MS + 60 * 60_000, table)
    assert judge(PM10_JS, Figures(260_000_000, 15, 0, 15), late).verdict is PASS
    assert judge(PM10_JS, Figures(260_000_000, 15, 0, 15), next_hour).verdict is UNSURE
