"""The back-test's verdicts are the engine's, window by window, however the record is cut."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from app.backtest_plan import days, portions
from domain.context import ContextValue
from domain.episode import EpisodeRule, fold
from domain.errors import ConfigError
from domain.evaluation import Evaluation, Verdict
from domain.instant import CHINA, to_ms
from domain.report import Report
from domain.site import Device, Site, SiteKind
from rules.backtest import Trial, concerned
from rules.change import changed_packs, parse_change
from rules.context import SettledContext
from rules.judged import Judged
from rules.offline import evaluate
from rules.outcome import Outcome
from rules.pack import Pack, load_packs, standard_packs
from rules.stored import stored_columns
from runtime.readings import Series

MIDNIGHT = datetime(2025, 12, 31, tzinfo=CHINA)
FIRST, LAST = date(2025, 12, 31), date(2026, 1, 1)  # the noise standard changes in between
EPOCH_2000 = datetime(2000, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)
STEPS = int(timedelta(days=2) / STEP)

SITES = {
    name: Site(site=name, kind=kind, area=area, sensitive=sensitive, interval_s=interval_s)
    for name, kind, area, sensitive, interval_s in [
        ("nantong", SiteKind.RESTAURANT, "320602", False, 300),
        ("chongqing", SiteKind.RESTAURANT, "500103", False, 300),
        ("seldom", SiteKind.RESTAURANT, "320602", False, 900),
        ("jiangsu", SiteKind.CONSTRUCTION, "320602", True, 300),
        ("hebei", SiteKind.CONSTRUCTION, "130102", True, 300),
        ("quiet", SiteKind.CONSTRUCTION, "130102", False, 300),
    ]
}
FACTORS = {
    SiteKind.RESTAURANT: ("oil_fume", "nmhc"),
    SiteKind.CONSTRUCTION: ("tsp", "pm10", "noise", "noise_max"),
}
LIMITED = sorted(factor for factors in FACTORS.values() for factor in factors)
NEAR = {"oil_fume": 1.0, "nmhc": 10.0, "tsp": 600.0, "pm10": 160.0, "noise": 60.0, "noise_max": 70.0}
CHANGES = ("oil_fume.limit=0.9", "tsp.limit=550", "noise_night.limit=58", "pm10.valid_share=0.5")
TODAY = standard_packs()
CHANGED = changed_packs(TODAY, [parse_change(text) for text in CHANGES], 1440)
"""Windows of a day, so that every one of them lies across the border at midnight UTC."""


class Recorder:
    """Remembers everything that is found."""

    def __init__(self) -> None:
        self.found: list[Judged] = []

    def add(self, judged: Judged, /) -> None:
        self.found.append(judged)


def record(seed: int, presence: float) -> list[Report]:
    """Two days of reports with silences, flags of all kinds and values that no monitor can have."""
    rng = np.random.default_rng(seed)
    reports = []
    for name, site in SITES.items():
        silent = rng.integers(0, STEPS, 2)
        for step in range(STEPS):
            if rng.random() > presence or silent.min() <= step < silent.max() - 60:
                continue
            factors = FACTORS[site.kind]
            wild = rng.random(len(factors)) < 0.01
            spread = rng.uniform(0.7, 1.3, len(factors))
            values = {
                factor: -5.0 if wild[place] else round(NEAR[factor] * spread[place], 2)
                for place, factor in enumerate(factors)
            }
            letters = rng.choice(list("NNNNNNNNNNDT"), len(factors))
            flags = {
                factor: str(letter) for factor, letter in zip(factors, letters, strict=True) if letter != "N"
            }
            reports.append(Report(name, MIDNIGHT + step * STEP, values, flags))
    return reports


def hours(seed: int) -> list[ContextValue]:
    """The city's hours, some of them missing."""
    rng = np.random.default_rng(seed)
    found = []
    for hour in range(48):
        at = MIDNIGHT + timedelta(hours=hour)
        for area in ("3206", "13", "1301"):
            if rng.random() < 0.6:
                found.append(ContextValue("city.pm10", area, at, float(rng.integers(20, 200))))
            if rng.random() < 0.6:
                primary = (None, ("pm10",), ("o3",))[rng.integers(3)]
                found.append(ContextValue("city.aqi", area, at, float(rng.integers(100, 350)), primary))
    return found


def stored(reports: Sequence[Report], start: datetime, end: datetime, points: dict[str, int]) -> list[Series]:
    """What the database would give of a span: a series for each device and factor, shuffled."""
    kept: dict[tuple[str, str], list[tuple[int, float, str]]] = {}
    for report in reports:
        if start <= report.instant < end:
            at_us = (report.instant - EPOCH_2000) // timedelta(microseconds=1)
            for factor, value in report.readings.items():
                flag = report.flags.get(factor, "N")
                kept.setdefault((report.device, factor), []).append((at_us, value, flag))
    series = []
    for (device, factor), rows in sorted(kept.items(), reverse=True):
        rows.sort(key=lambda row: (row[0] % 7, row[0]))
        at = np.array([row[0] for row in rows], np.int64)
        letters = np.array([row[2] for row in rows])
        series.append(
            Series(
                points[device],
                factor,
                at,
                np.array([row[1] for row in rows]),
                at[letters == "T"],
                at[(letters != "N") & (letters != "T")],
            )
        )
    return series


def run(trial: Trial, reports: Sequence[Report]) -> None:
    points = {name: 100 - number for number, name in enumerate(SITES)}
    numbers = {points[name]: number for name, number in trial.numbers.items()}
    for start, end in days(FIRST, LAST):
        everything = stored(reports, start, end, points)
        for factor in LIMITED:
            mine = [series for series in everything if series.factor == factor]
            if mine:
                trial.take(factor, stored_columns(mine, numbers))
            trial.close(factor, to_ms(end))


def judged_whole(
    reports: Sequence[Report], context: list[ContextValue], packs: Sequence[Pack]
) -> list[Evaluation]:
    return evaluate(reports, SITES, context, packs)


@pytest.mark.parametrize(("seed", "presence"), [(1, 0.3), (2, 0.8), (3, 1.0), (4, 1.0)])
def test_every_window_is_judged_as_the_engine_judges_it(seed: int, presence: float) -> None:
    reports, context = record(seed, presence), hours(seed)
    recorders = Recorder(), Recorder()
    trial = Trial((TODAY, CHANGED), LIMITED, SITES, SettledContext(context), recorders)
    run(trial, reports)
    for recorder, packs in zip(recorders, (TODAY, CHANGED), strict=True):
        found = [one for judged in recorder.found for one in judged.evaluations(trial.names, final=True)]
        expected = {one.id: one for one in judged_whole(reports, context, packs)}
        assert len(found) == len(expected)
        assert {one.id: one for one in found} == expected
        assert {one.verdict for one in found} >= {Verdict.INVALID, Verdict.EXCEED} or presence < 1


@pytest.mark.parametrize(("seed", "clear_after"), [(1, 1), (2, 2), (3, 3)])
def test_episodes_and_counts_are_those_of_all_windows(seed: int, clear_after: int) -> None:
    reports, context = record(seed, 0.9), hours(seed)
    outcome = Outcome(len(SITES), clear_after)
    trial = Trial((TODAY,), LIMITED, SITES, SettledContext(context), (outcome,))
    run(trial, reports)
    everything = judged_whole(reports, context, TODAY)
    rule = EpisodeRule(clear_after=clear_after)
    assert sorted(map(brief, episodes(outcome.series(trial.names), rule))) == sorted(
        map(brief, episodes(by_limit(everything), rule))
    )
    for verdict, count in outcome.verdicts.items():
        assert count == sum(one.verdict is verdict for one in everything)
    for name, number in trial.numbers.items():
        exceeding = [one for one in everything if one.device == name and one.verdict is Verdict.EXCEED]
        assert outcome.exceedances[number] == len(exceeding)


def by_limit(evaluations: Sequence[Evaluation]) -> list[list[Evaluation]]:
    found: dict[tuple[str, str, str], list[Evaluation]] = {}
    for one in evaluations:
        found.setdefault((one.device, one.standard, one.limit), []).append(one)
    return list(found.values())


def episodes(series, rule: EpisodeRule):
    return [episode for one in series for episode in fold(one, rule)]


def brief(episode):
    """All but whether it is over: a long silence says so too, and is not kept."""
    return (
        episode.device, episode.limit, episode.started_at, episode.ended_at, episode.n_exceed, episode.peak,
        str(episode.episode_id),
    )  # fmt: skip


def test_a_device_that_reports_nothing_and_an_empty_span_are_nothing() -> None:
    recorder = Recorder()
    trial = Trial((TODAY,), ["oil_fume"], SITES, SettledContext([]), (recorder,))
    trial.close("oil_fume", to_ms(MIDNIGHT))
    assert recorder.found == []


def test_what_both_say_alike_is_judged_once_and_told_to_both() -> None:
    recorders = Recorder(), Recorder()
    changed = changed_packs(TODAY, [parse_change("oil_fume.limit=0.9")])
    trial = Trial((TODAY, changed), ["nmhc", "oil_fume"], SITES, SettledContext([]), recorders)
    run_factors(trial, record(7, 1.0), ["nmhc", "oil_fume"])
    told = [
        {
            factor: [judged for judged in recorder.found if judged.limit.lane.factor == factor]
            for factor in FUMES
        }
        for recorder in recorders
    ]
    assert all(one is other for one, other in zip(told[0]["nmhc"], told[1]["nmhc"], strict=True))
    assert not any(one is other for one, other in zip(told[0]["oil_fume"], told[1]["oil_fume"], strict=True))


FUMES = ("nmhc", "oil_fume")


def run_factors(trial: Trial, reports: Sequence[Report], factors: Sequence[str]) -> None:
    only = [
        Report(one.device, one.at, {f: v for f, v in one.readings.items() if f in factors}, one.flags)
        for one in reports
    ]
    points = {name: number for number, name in enumerate(SITES)}
    numbers = {points[name]: number for name, number in trial.numbers.items()}
    for start, end in days(FIRST, LAST):
        everything = stored(only, start, end, points)
        for factor in factors:
            mine = [series for series in everything if series.factor == factor]
            if mine:
                trial.take(factor, stored_columns(mine, numbers))
            trial.close(factor, to_ms(end))


def test_two_readings_in_one_millisecond_count_once_as_in_the_engine() -> None:
    series = Series(
        1,
        "oil_fume",
        np.array([1_700, 1_200]),
        np.array([9.0, 1.0]),
        np.array([], np.int64),
        np.array([1_700]),
    )
    found = stored_columns([series], {1: 0})
    assert (found.at.tolist(), found.value.tolist(), found.flag.tolist()) == (
        [to_ms(EPOCH_2000) + 1],
        [9.0],
        [2],
    )


def test_days_are_cut_where_the_store_begins_a_chunk() -> None:
    spans = [
        (start.isoformat(), end.isoformat()) for start, end in days(date(2026, 10, 1), date(2026, 10, 2))
    ]
    assert spans == [
        ("2026-09-30T16:00:00+00:00", "2026-10-01T00:00:00+00:00"),
        ("2026-10-01T00:00:00+00:00", "2026-10-02T00:00:00+00:00"),
        ("2026-10-02T00:00:00+00:00", "2026-10-02T16:00:00+00:00"),
    ]


def test_devices_are_taken_in_portions_of_so_many_readings() -> None:
    devices = [
        Device(device=name, point_id=number, site=site) for number, (name, site) in enumerate(SITES.items())
    ]
    sizes = [[device.device for device in portion] for portion in portions(devices, factors=2, most=1_000)]
    # 576 readings a day each, "seldom" 192: two of the others are too many.
    assert sizes == [["nantong"], ["chongqing", "seldom"], ["jiangsu"], ["hebei"], ["quiet"]]


def test_factors_of_the_same_nuisance_are_concerned() -> None:
    fume = ["fume_pm", "nmhc", "oil_fume"]
    assert concerned(TODAY, changed_packs(TODAY, [parse_change("oil_fume.limit=1.5")])) == fume
    assert concerned(TODAY, load_packs(["city-programme"])) == fume
    noise = changed_packs(TODAY, [parse_change("noise_day.limit=65")])
    assert concerned(TODAY, noise) == ["noise", "noise_max"]


def test_packs_that_say_the_same_are_nothing_to_compare() -> None:
    with pytest.raises(ConfigError, match="say what today's say"):
        concerned(TODAY, changed_packs(TODAY, [parse_change("tsp.limit=500")]))
