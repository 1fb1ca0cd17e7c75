"""Every worked figure of the methods, as one table of tests: fumes, dust, noise, AQI, dates of law."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.codec import decode_evaluation
from domain.errors import ConfigError
from domain.evaluation import Evaluation
from domain.site import Site, SiteKind, Size
from rules.aqi import Mean, aqi, iaqi
from rules.kitchen import (
    LEAST_REMOVAL,
    removal_percent,
    size_by_heat,
    size_by_hood,
    stoves_by_heat,
    stoves_by_hood,
)
from rules.manual_finding import Air, Outcome, StepKind, find_fume
from rules.noise_background import NoiseOutcome, correction, find_noise

GOLDEN = Path(__file__).parent / "golden"
BEFORE, AFTER = date(2026, 2, 28), date(2026, 3, 1)


def test_fume_base_air() -> None:
    """C = 1.2, Q = 12 000, n = 3 → 2.4 mg/m³ (GB 18483-2001)."""
    finding = find_fume([1.2] * 5, 2.0, Air(flow=12_000, stoves=3))
    assert (finding.outcome, finding.value) == (Outcome.EXCEED, 2.4)
    assert finding.steps[-2].formula == "1.2 × 12000 ÷ (3 × 2000) = 2.4"
    assert finding.steps[-1].formula == "2.4 > 2"


def test_fume_quarter_rule() -> None:
    """0.5 < 2.4 ÷ 4 is dropped; the mean of the others is 2.125 (GB 18483-2001)."""
    finding = find_fume([2.4, 2.2, 0.5, 2.0, 1.9], 2.0)
    assert (finding.outcome, finding.value) == (Outcome.EXCEED, 2.125)
    assert finding.valid == (True, True, False, True, True)
    assert [(step.kind, step.formula) for step in finding.steps] == [
        (StepKind.SAMPLES, "5 = 5"),
        (StepKind.QUARTER_RULE, "2.4 ÷ 4 = 0.6: 0.5 < 0.6"),
        (StepKind.ENOUGH, "4 ≥ 3"),
        (StepKind.MEAN, "(2.4 + 2.2 + 2 + 1.9) ÷ 4 = 2.125"),
        (StepKind.NOT_CONVERTED, "2.125"),
        (StepKind.COMPARED, "2.125 > 2"),
    ]


@pytest.mark.parametrize(
    ("samples", "outcome"),
    [
        ([2.0] * 5, Outcome.PASS),  # equal passes
        ([2.0, 2.0, 2.0, 2.0, 2.001], Outcome.EXCEED),  # not rounded before it is compared
        ([2.4, 0.6, 2.4, 2.4, 0.6], Outcome.PASS),  # a quarter exactly is valid
        ([8.0, 1.9, 1.9, 2.0, 2.0], Outcome.EXCEED),  # three valid: (8 + 2 + 2) ÷ 3 = 4
        ([9.0, 1.9, 1.9, 1.9, 9.0], Outcome.RESAMPLE),  # two valid
        ([2.0] * 4, Outcome.RESAMPLE),
        ([2.0] * 6, Outcome.RESAMPLE),
        ([], Outcome.RESAMPLE),
        ([0.0] * 5, Outcome.PASS),
    ],
)
def test_fume_outcomes(samples: list[float], outcome: Outcome) -> None:
    finding = find_fume(samples, 2.0)
    assert finding.outcome is outcome
    assert (finding.value is None) == (outcome is Outcome.RESAMPLE)


def test_unducted_fume_is_deemed_an_exceedance() -> None:
    finding = find_fume([], 2.0, ducted=False)
    assert (finding.outcome, finding.value) == (Outcome.EXCEED, None)
    assert [step.kind for step in finding.steps] == [StepKind.UNDUCTED]


@pytest.mark.parametrize(
    ("samples", "limit", "air", "names"),
    [
        ([1.0, -0.1, 1.0, 1.0, 1.0], 2.0, None, "sample 2"),
        ([float("nan")] * 5, 2.0, None, "sample 1"),
        ([1.0] * 5, 0.0, None, "limit"),
        ([1.0] * 5, 2.0, Air(flow=0, stoves=3), "flow"),
        ([1.0] * 5, 2.0, Air(flow=6000, stoves=0), "stoves"),
    ],
)
def test_what_is_no_figure_is_named(samples: list[float], limit: float, air: Air | None, names: str) -> None:
    with pytest.raises(ConfigError, match=names):
        find_fume(samples, limit, air)


def test_a_figure_that_was_rounded_for_print_says_so() -> None:
    finding = find_fume([1.0, 1.0, 0.9, 0.1, 0.1], 2.0)
    assert finding.steps[3].formula == "(1 + 1 + 0.9) ÷ 3 = ≈0.9667"


@given(st.lists(st.decimals("0", "9", places=2).map(float), min_size=5, max_size=5))
def test_the_outcome_does_not_depend_on_the_order(samples: list[float]) -> None:
    one, other = find_fume(samples, 2.0), find_fume(sorted(samples), 2.0)
    assert (one.outcome, one.value) == (other.outcome, other.value)


def test_removal() -> None:
    assert removal_percent(8.0, 6000, 1.0, 6000) == 87.5
    with pytest.raises(ConfigError, match="C₁"):
        removal_percent(0, 6000, 1.0, 6000)


@pytest.mark.parametrize(
    ("stoves", "heat", "hood", "size", "least"),
    [
        (1, 1.67e8, 1.1, Size.SMALL, 60),
        (2.9, 4.99e8, 3.29, Size.SMALL, 60),
        (3, 5.00e8, 3.3, Size.MEDIUM, 75),
        (5.9, 9.99e8, 6.59, Size.MEDIUM, 75),
        (6, 10e8, 6.6, Size.LARGE, 85),
    ],
)
def test_a_kitchens_size(stoves: float, heat: float, hood: float, size: Size, least: float) -> None:
    """By base stoves, by heat power (J/h) or by hood area (m²): the table of GB 18483-2001."""
    site = Site(site="r", kind=SiteKind.RESTAURANT, area="320602", stoves=stoves)
    assert [site.size, size_by_heat(heat), size_by_hood(hood)] == [size] * 3
    assert LEAST_REMOVAL[size] == least


def test_base_stoves_of_heat_and_hood() -> None:
    assert (stoves_by_heat(5.01e8), stoves_by_hood(2.2)) == (pytest.approx(3), pytest.approx(2))
    with pytest.raises(ConfigError, match="hood area: 0 is not above 0"):
        stoves_by_hood(0)


@pytest.mark.parametrize(
    ("difference", "amount"),
    [
        (15, 0),
        (10, 0),
        (9.9, -1),
        (6, -1),
        (5.9, -2),
        (5, -2),
        (4, -2),
        (3.9, -3),
        (3, -3),
        (2.9, None),
        (-1, None),
    ],
)
def test_noise_background(difference: float, amount: int | None) -> None:
    """10 and more: 0; 6 to 10: -1; 4 to 5: -2; 3: -3; below: measure again (GB 12523-2011)."""
    assert correction(60.0 + difference, 60.0) == amount


@pytest.mark.parametrize(
    ("measured", "background", "outcome", "value"),
    [
        (71.0, 65.0, NoiseOutcome.PASS, 70),
        (72.0, 65.0, NoiseOutcome.EXCEED, 71),
        (70.4, 50.0, NoiseOutcome.PASS, 70),  # whole dB
        (70.5, 50.0, NoiseOutcome.EXCEED, 71),
        (72.0, 70.0, NoiseOutcome.REMEASURE, None),
        (69.0, 68.0, NoiseOutcome.PASS, 69),  # the background can only have raised it
    ],
)
def test_noise_finding(measured: float, background: float, outcome: NoiseOutcome, value: int | None) -> None:
    finding = find_noise(measured, background, 70.0)
    assert (finding.outcome, finding.value) == (outcome, value)
    assert finding.steps[0].startswith(f"{measured:g} − {background:g} = ")


@pytest.mark.parametrize(
    ("mean", "concentration", "old", "new"),
    [
        (Mean.PM25, 75, 100, 114),  # HJ 633-2026 checks
        (Mean.PM10, 150, 100, 112),
        (Mean.PM25, 60, 82, 100),
        (Mean.PM10, 120, 85, 100),
        (Mean.PM25, 35, 50, 50),
        (Mean.PM25, 36, 52, 52),  # rounded up
        (Mean.PM25, 150, 200, 200),
        (Mean.PM25, 250, 300, 300),
        (Mean.PM10, 350, 200, 200),
        (Mean.PM10, 420, 300, 300),
        (Mean.PM10, 9999, 500, 500),
        (Mean.SO2_1H, 801, 200, 200),
        (Mean.O3_8H, 801, 300, 300),
        (Mean.O3_1H, 1200, 500, 500),
        (Mean.CO_24H, 2.04, 50, 50),  # 2.0 after rounding
        (Mean.CO_24H, 2.06, 53, 53),
        (Mean.PM25, 0, 0, 0),
    ],
)
def test_iaqi(mean: Mean, concentration: float, old: int, new: int) -> None:
    assert (iaqi(mean, concentration, BEFORE), iaqi(mean, concentration, AFTER)) == (old, new)


CLEAN = {Mean.PM25: 10, Mean.PM10: 20, Mean.SO2_1H: 5, Mean.NO2_1H: 20, Mean.CO_1H: 0.5, Mean.O3_1H: 60}


@pytest.mark.parametrize(
    ("over", "value", "primary", "grade"),
    [
        ({}, 20, (), "优"),
        ({Mean.PM25: 75}, 114, ("pm25",), "轻度污染"),
        ({Mean.PM25: 60, Mean.PM10: 120}, 100, ("pm10", "pm25"), "良"),  # ties are all primary
        ({Mean.PM10: 380}, 243, ("pm10",), "重度污染"),
        ({Mean.PM25: 360}, 407, ("pm25",), "严重污染"),
        ({Mean.O3_1H: 400}, 200, ("o3",), "中度污染"),
    ],
)
def test_aqi(over: dict[Mean, float], value: int, primary: tuple[str, ...], grade: str) -> None:
    found = aqi(CLEAN | over, AFTER)
    assert (found.value, found.primary, found.grade, found.missing) == (value, primary, grade, ())


def test_aqi_of_incomplete_data() -> None:
    low = {mean: value for mean, value in CLEAN.items() if mean is not Mean.O3_1H}
    assert aqi(low, AFTER).value is None
    assert aqi(low, AFTER).missing == ("o3",)
    assert aqi(low | {Mean.PM25: 75}, AFTER).value == 114  # above 100 it is published all the same
    assert aqi({}, AFTER).value is None
    assert aqi({}, AFTER).grade is None


def test_of_two_means_of_a_pollutant_the_higher_index_counts() -> None:
    assert aqi(CLEAN | {Mean.SO2_24H: 475}, AFTER).iaqi["so2"] == 150


def test_no_concentration_is_refused() -> None:
    with pytest.raises(ConfigError, match="pm25: -999"):
        iaqi(Mean.PM25, -999, AFTER)


def recorded(case: str) -> list[Evaluation]:
    lines = (GOLDEN / case / "expected.jsonl").read_bytes().splitlines()
    return [decode_evaluation(line) for line in lines]


@pytest.mark.parametrize(
    ("case", "factor", "value", "verdict"),
    [
        ("db32-4437-2022", "tsp", 450.0, "pass"),  # TSP 650, AQI 230, primary PM10
        ("db32-4437-2022", "tsp", 650.0, "exceed"),  # the same with O3
        ("db32-4437-2022", "pm10", 70.0, "pass"),  # 260 less 190
        ("db13-2934-2019", "pm10", 110.0, "exceed"),  # 260 less min(190, 150)
        ("gb12523", "noise", 67.403627, "pass"),  # equal halves of 60 and 70 dB: no arithmetic mean
    ],
)
def test_worked_figures_in_the_golden_records(case: str, factor: str, value: float, verdict: str) -> None:
    assert (factor, value, verdict) in {(e.factor, e.value, e.verdict.value) for e in recorded(case)}
