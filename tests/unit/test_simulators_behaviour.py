"""Whenever a demo starts, somebody cooks, digs and makes noise; most behave."""

from collections import defaultdict
from datetime import datetime

import numpy as np
import pytest

from domain.factors import FACTORS
from domain.instant import CHINA, to_ms
from domain.site import SiteKind
from simulators.background import aqi, city_pm10, context_series
from simulators.block import Block, behave
from simulators.cast import cast_of
from simulators.city import build_city
from simulators.faults import inject
from simulators.plan import SCENARIOS
from simulators.truth import Yardstick, counted, statistics

SEED = 1
LEVEL = SCENARIOS["demo"].pm10_level
FIRST = to_ms(datetime(2026, 11, 21, tzinfo=CHINA)) // 3_600_000
DAY = range(FIRST, FIRST + 26)


@pytest.fixture(scope="module")
def hours() -> dict[SiteKind, list[Block]]:
    """A day and two hours as it arrives, faults included."""
    city = build_city(SEED)
    found: dict[SiteKind, list[Block]] = {}
    for kind in SiteKind:
        cast = cast_of(city, kind, SEED)
        found[kind] = [behave(cast, SEED, hour, LEVEL) for hour in DAY]
        for block in found[kind]:
            inject(block, SCENARIOS["demo"].faults, SEED)
    return found


def valid(block: Block, factor: str) -> np.ndarray:
    return np.where(counted(block, factor), block.values[block.factors.index(factor)], np.nan)


def plain_means(block: Block, factor: str, minutes: int) -> np.ndarray:
    """Means of aligned windows, without those that have too few reports."""
    shaped = valid(block, factor).reshape(len(block.cast), -1, minutes)
    enough = np.isfinite(shaped).mean(axis=2) >= 0.75
    return np.where(enough, np.nansum(shaped, axis=2) / np.maximum(np.isfinite(shaped).sum(axis=2), 1), -1)


def over(blocks: list[Block], factor: str, minutes: int, limit: float) -> list[set[int]]:
    """Per hour, the devices with a window over the limit."""
    return [
        set(np.nonzero((plain_means(b, factor, minutes) > limit).any(axis=1))[0].tolist()) for b in blocks
    ]


def three_hours(per_hour: list[set[int]], start: int) -> set[int]:
    return per_hour[start] | per_hour[start + 1] | per_hour[start + 2]


@pytest.mark.parametrize("start", range(24))
def test_at_any_hour_three_restaurants_exceed_and_two_sites_raise_dust(
    hours: dict[SiteKind, list[Block]], start: int
) -> None:
    restaurants, sites = hours[SiteKind.RESTAURANT], hours[SiteKind.CONSTRUCTION]
    assert len(three_hours(over(restaurants, "oil_fume", 10, 1.0), start)) >= 3
    assert len(three_hours(over(sites, "tsp", 15, 500.0), start)) >= 2


@pytest.mark.parametrize("start", range(24))
def test_at_any_hour_a_sensitive_site_is_too_loud(hours: dict[SiteKind, list[Block]], start: int) -> None:
    sensitive = np.array([p.sensitive for p in build_city(SEED).places if p.kind is SiteKind.CONSTRUCTION])
    loud = set()
    for index, block in enumerate(hours[SiteKind.CONSTRUCTION][start : start + 3]):
        local = (start + index) % 24
        limit = 55.0 if local < 6 or local >= 22 else 70.0
        power = 10 ** (valid(block, "noise") / 10)
        level = 10 * np.log10(np.nanmean(power.reshape(len(block.cast), -1, 20), axis=2))
        loud |= set(np.nonzero((level > limit).any(axis=1) & sensitive)[0].tolist())
    assert loud


@pytest.mark.parametrize("start", range(24))
def test_at_any_hour_several_restaurants_cook(hours: dict[SiteKind, list[Block]], start: int) -> None:
    fans = [b.values[b.factors.index("fan_on")].any(axis=1) for b in hours[SiteKind.RESTAURANT]]
    assert np.logical_or.reduce(fans[start : start + 3]).sum() >= 5


def test_over_a_day_about_eight_restaurants_exceed_and_the_rest_stay_below(
    hours: dict[SiteKind, list[Block]],
) -> None:
    per_hour = over(hours[SiteKind.RESTAURANT], "oil_fume", 10, 1.0)
    bad = set().union(*per_hour)
    assert 7 <= len(bad) <= 10
    conduct = hours[SiteKind.RESTAURANT][0].cast.conduct
    assert all(conduct[device] not in {"good", "tampered"} for device in bad)
    assert set().union(*over(hours[SiteKind.RESTAURANT], "oil_fume", 10, 2.0))
    assert len(per_hour[12]) >= 5  # lunch
    assert len(per_hour[18]) >= 6  # dinner


def test_only_the_digging_sites_are_over_the_dust_limits(hours: dict[SiteKind, list[Block]]) -> None:
    sites = hours[SiteKind.CONSTRUCTION]
    dusty = {
        index for index, conduct in enumerate(sites[0].cast.conduct) if "dust" in conduct or "dry" in conduct
    }
    assert set().union(*over(sites, "tsp", 15, 500.0)) == dusty
    above_city = [
        (plain_means(b, "pm10", 60)[:, 0] - city_pm10(SEED, LEVEL, np.array([b.hour]))[0]) > 80 for b in sites
    ]
    assert set(np.nonzero(np.any(above_city, axis=0))[0].tolist()) == dusty


def test_the_sites_breathe_the_citys_air(hours: dict[SiteKind, list[Block]]) -> None:
    quiet = [i for i, habit in enumerate(hours[SiteKind.CONSTRUCTION][0].cast.habit) if habit == "quiet"]
    for block in hours[SiteKind.CONSTRUCTION][:6]:  # nobody works in the decorated flats at night
        mean = plain_means(block, "pm10", 60)[quiet, 0]
        assert abs(float(mean.mean()) - float(city_pm10(SEED, LEVEL, np.array([block.hour]))[0])) < 12


def test_readings_without_faults_are_plausible_and_consistent() -> None:
    city = build_city(SEED)
    for kind in SiteKind:
        cast = cast_of(city, kind, SEED)
        for hour in DAY:
            block = behave(cast, SEED, hour, LEVEL)
            for factor, column in zip(block.factors, block.values, strict=True):
                limits = FACTORS[factor]
                assert column.min() >= limits.low, factor
                assert column.max() <= limits.high, factor
            column = dict(zip(block.factors, block.values, strict=True))
            if kind is SiteKind.CONSTRUCTION:
                assert (column["noise_max"] >= column["noise"]).all()
                assert (column["tsp"] > column["pm10"]).all()
                assert (column["pm10"] > column["pm25"]).all()
            else:
                assert (column["fan_on"] >= column["purifier_on"]).all()
                assert ((column["fan_current"] > 1) == (column["fan_on"] == 1)).all()


def test_the_energy_mean_of_a_window_is_louder_than_its_plain_mean() -> None:
    cast = cast_of(build_city(SEED), SiteKind.CONSTRUCTION, SEED)
    block = behave(cast, SEED, FIRST + 10, LEVEL)
    noise = block.factors.index("noise")
    block.values[noise] = np.tile([60.0, 70.0], 30)
    figures, number = statistics(block, Yardstick("noise", 20, "energy_mean", 70.0, 55.0))
    assert figures == pytest.approx(np.full((20, 3), 67.4036), abs=1e-4)
    assert (number == 20).all()


def test_the_aqi_follows_hj633_2026() -> None:
    assert aqi(150, 0) == (112, ("pm10",))
    assert aqi(0, 75) == (114, ("pm25",))
    assert aqi(40, 20) == (40, None)


def test_the_context_is_hourly_and_agrees_with_the_air() -> None:
    values = context_series(SEED, LEVEL, FIRST * 3_600_000, (FIRST + 24) * 3_600_000)
    per_series = defaultdict(list)
    for value in values:
        assert value.area == "3206"
        per_series[value.series].append(value.value)
    assert len(per_series["city.pm10"]) == len(per_series["city.aqi"]) == 24
    assert per_series["city.pm10"] == city_pm10(SEED, LEVEL, np.arange(FIRST, FIRST + 24)).tolist()
    assert 30 < float(np.mean(per_series["city.pm10"])) < 120


def test_a_sandstorm_lifts_the_aqi_into_the_band_of_the_deduction() -> None:
    level = SCENARIOS["sandstorm"].pm10_level
    values = context_series(SEED, level, FIRST * 3_600_000, (FIRST + 24) * 3_600_000)
    figures = [value for value in values if value.series == "city.aqi"]
    assert any(200 <= value.value <= 300 and value.primary == ("pm10",) for value in figures)
