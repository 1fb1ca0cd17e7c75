"""The engine over time: watermarks, revisions, late data, context that comes later, gaps, nights."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from domain.context import ContextValue
from domain.errors import ConfigError
from domain.evaluation import Evaluation, Verdict
from domain.instant import CHINA, iso, to_ms
from domain.report import Report
from domain.site import Site, SiteKind
from rules.engine import Engine
from rules.offline import evaluate
from rules.pack import standard_packs

PACKS = standard_packs()
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 21, 12, tzinfo=CHINA)

SITES = {
    "r1": Site(site="r1", kind=SiteKind.RESTAURANT, area="320602"),
    "r2": Site(site="r2", kind=SiteKind.RESTAURANT, area="320602"),
    "w1": Site(site="w1", kind=SiteKind.CONSTRUCTION, area="320602", sensitive=True),
    "hebei": Site(site="h", kind=SiteKind.CONSTRUCTION, area="130102", sensitive=True),
}


def at(hour: int, minute: int = 0, day: int = 21) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=CHINA)


def minutes(device: str, start: datetime, values: Iterable[float], factor: str = "oil_fume", flag: str = "N"):
    flags = {} if flag == "N" else {factor: flag}
    return [
        Report(device, start + index * MINUTE, {factor: value}, flags) for index, value in enumerate(values)
    ]


def brief(evaluations: Iterable[Evaluation]) -> list[tuple[str, str, Verdict, int, bool]]:
    return [
        (one.device, iso(one.window_start)[11:16], one.verdict, one.revision, one.final)
        for one in evaluations
    ]


def of(evaluations: Iterable[Evaluation], factor: str) -> list[Evaluation]:
    return [one for one in evaluations if one.factor == factor]


def test_a_window_closes_provisionally_and_then_becomes_final() -> None:
    engine = Engine(PACKS, SITES)
    assert engine.push(minutes("r1", NOON, [3.0] * 11)) == []  # the watermark is 12:10, the grace is not over
    assert engine.push(minutes("r1", at(12, 11), [3.0])) == []
    closed = engine.push(minutes("r1", at(12, 12), [3.0]))
    assert brief(closed) == [("r1", "12:00", Verdict.EXCEED, 1, False)]
    assert (closed[0].value, closed[0].n_valid, closed[0].n_expected) == (3.0, 10, 10)
    later = engine.advance(0, to_ms(at(18, 10)))
    assert ("r1", "12:00", Verdict.EXCEED, 1, True) in brief(later)
    assert engine.advance(0, to_ms(at(18, 10))) == []  # once
    assert brief(engine.finish()) == [("r1", "12:10", Verdict.INVALID, 1, True)]


def test_a_device_that_falls_silent_is_judged_because_time_passes() -> None:
    engine = Engine(PACKS, SITES)
    engine.push(minutes("r1", NOON, [3.0] * 10))
    assert engine.advance(0, to_ms(at(12, 11))) == []
    assert brief(engine.advance(0, to_ms(at(12, 11)) + 30_000)) == [("r1", "12:00", Verdict.EXCEED, 1, False)]


def test_each_partition_has_its_own_watermark() -> None:
    engine = Engine(PACKS, SITES)
    engine.push(minutes("r1", NOON, [3.0] * 10), partition=0)
    assert engine.push(minutes("r2", at(20), [1.0] * 20), partition=1)  # a partition that is 8 h ahead
    late = engine.push(minutes("r1", at(12, 10), [3.0] * 10), partition=0)
    assert brief(late) == [("r1", "12:00", Verdict.EXCEED, 1, False)]
    assert engine.late == {}
    assert engine.watermark(0) == to_ms(at(12, 19))
    assert engine.watermark(7) is None


def test_the_watermark_never_runs_ahead_of_the_receiving_time() -> None:
    engine = Engine(PACKS, SITES)
    ahead = Report("r1", at(23), {"oil_fume": 1.0}, received_at=at(12))
    engine.push([ahead])
    assert engine.watermark(0) == to_ms(at(12))


def test_late_data_raises_the_revision_only_if_it_changes_something() -> None:
    engine = Engine(PACKS, SITES)
    engine.push(minutes("r1", NOON, [3.0] * 8))
    first = engine.push(minutes("r1", at(12, 12), [1.0]))
    assert brief(first) == [("r1", "12:00", Verdict.EXCEED, 1, False)]
    assert engine.push(minutes("r1", NOON, [9.0])) == []  # a repeat: the first stored wins
    again = engine.push(minutes("r1", at(12, 8), [0.0, 0.0]))
    assert brief(again) == [("r1", "12:00", Verdict.EXCEED, 2, False)]
    assert (again[0].value, again[0].n_valid) == (2.4, 10)
    final = of(engine.advance(0, to_ms(at(18, 10))), "oil_fume")
    assert ("r1", "12:00", Verdict.EXCEED, 2, True) in brief(final)


def test_a_late_reading_of_one_device_leaves_the_others_alone() -> None:
    engine = Engine(PACKS, SITES)
    engine.push(minutes("r1", NOON, [3.0] * 8) + minutes("r2", NOON, [1.0] * 10))
    assert len(engine.push(minutes("r2", at(12, 12), [1.0]))) == 2
    assert brief(engine.push(minutes("r1", at(12, 8), [0.5]))) == [("r1", "12:00", Verdict.EXCEED, 2, False)]


def test_data_for_a_released_window_is_counted_and_left_for_the_back_fill() -> None:
    engine = Engine(PACKS, SITES)
    engine.push(minutes("r1", NOON, [3.0] * 10))
    engine.push(minutes("r1", at(18, 10), [1.0]))
    assert engine.push(minutes("r1", at(12, 3), [9.0, 9.0])) == []
    assert engine.late == {"r1": 2}
    assert engine.take_late() == [("r1", "oil_fume", NOON)]
    assert engine.take_late() == []
    finals = [one for one in engine.finish() if one.window_start == NOON]
    assert finals == []  # no second window with a partial verdict


def test_lateness_is_decided_per_reading_and_not_per_batch() -> None:
    ahead, behind = minutes("r1", at(18, 20), [1.0]), minutes("r1", NOON, [3.0] * 10)
    whole, parts = Engine(PACKS, SITES), Engine(PACKS, SITES)
    together = whole.push(ahead + behind) + whole.finish()
    apart = parts.push(ahead) + parts.push(behind) + parts.finish()
    assert together == apart
    assert whole.late == parts.late == {"r1": 10}


def test_context_that_comes_later_settles_an_indeterminate_window() -> None:
    engine = Engine(PACKS, SITES)
    hour = minutes("w1", NOON, [260.0] * 60, "pm10") + minutes("w1", at(13), [1.0, 1.0], "pm10")
    assert brief(engine.push(hour)) == []
    first = engine.push(minutes("w1", at(13, 2), [1.0], "pm10"))
    assert brief(first) == [("w1", "12:00", Verdict.INDETERMINATE, 1, False)]
    assert engine.context([ContextValue("city.pm10", "13", NOON, 5.0)]) == []  # another province
    second = engine.context([ContextValue("city.pm10", "3206", NOON, 190.0)])
    assert brief(second) == [("w1", "12:00", Verdict.PASS, 2, False)]
    assert engine.context([ContextValue("city.pm10", "3206", NOON, 190.0)]) == []
    third = engine.context([ContextValue("city.pm10", "320602", NOON, 100.0)])  # a longer prefix
    assert (third[0].value, third[0].verdict, third[0].revision) == (160.0, Verdict.EXCEED, 3)


def test_gap_windows_are_judged_when_the_device_comes_back() -> None:
    engine = Engine(PACKS, SITES)
    engine.push(minutes("r1", NOON, [1.0] * 10))
    engine.push(minutes("r2", at(12, 50), [1.0]))
    back = engine.push(minutes("r1", at(12, 45), [1.0]))
    assert [one for one in brief(back) if one[0] == "r1"] == [
        ("r1", "12:10", Verdict.INVALID, 1, False),
        ("r1", "12:20", Verdict.INVALID, 1, False),
        ("r1", "12:30", Verdict.INVALID, 1, False),
    ]
    assert {one.n_valid for one in back if one.device == "r1"} == {0}


def test_gaps_longer_than_the_lateness_are_final_at_once() -> None:
    engine = Engine(PACKS, SITES)
    engine.push(minutes("r1", at(0), [1.0] * 10))
    engine.push(minutes("r2", at(20), [1.0]))
    back = [one for one in engine.push(minutes("r1", at(20), [1.0])) if one.device == "r1"]
    assert len(back) == 118  # 00:10 to 19:40; 19:50 is within its grace
    assert {one.verdict for one in back} == {Verdict.INVALID}
    assert [one.final for one in back] == [True] * 83 + [
        False
    ] * 35  # final until 13:50, which ended at 14:00


def test_readings_from_before_the_first_one_stretch_the_range_back() -> None:
    engine = Engine(PACKS, SITES)
    engine.push(minutes("r1", at(12, 40), [1.0] * 10))
    engine.push(minutes("r2", at(13), [1.0]))
    back = engine.push(minutes("r1", NOON, [3.0] * 10))
    assert [one for one in brief(back) if one[0] == "r1"] == [
        ("r1", "12:00", Verdict.EXCEED, 1, False),
        ("r1", "12:10", Verdict.INVALID, 1, False),
        ("r1", "12:20", Verdict.INVALID, 1, False),
        ("r1", "12:30", Verdict.INVALID, 1, False),
    ]


def test_any_flag_makes_a_first_report() -> None:
    found = evaluate(
        minutes("r1", at(11, 59), [1.0], flag="D") + minutes("r1", NOON, [1.0] * 10), SITES, [], PACKS
    )
    assert brief(found) == [
        ("r1", "11:50", Verdict.INVALID, 1, True),
        ("r1", "12:00", Verdict.PASS, 1, True),
    ]


def test_only_n_counts_and_t_is_noted() -> None:
    saturated = minutes("r1", NOON, [1.0] * 7) + minutes("r1", at(12, 7), [9.9] * 3, flag="T")
    (found,) = evaluate(saturated, SITES, [], PACKS)
    assert (found.verdict, found.value, found.n_valid) == (Verdict.INVALID, None, 7)
    assert found.adjustments == ({"kind": "saturated", "n": 3},)
    enough = minutes("r1", NOON, [1.0] * 8) + minutes("r1", at(12, 8), [9.9] * 2, flag="T")
    (found,) = evaluate(enough, SITES, [], PACKS)
    assert (found.verdict, found.value) == (Verdict.PASS, 1.0)
    assert found.adjustments == ({"kind": "saturated", "n": 2},)


def test_of_a_repeat_the_first_stored_counts_whatever_its_flag() -> None:
    reports = minutes("r1", NOON, [1.0] * 8) + minutes("r1", at(12, 8), [5.0], flag="D")
    reports += minutes("r1", NOON, [9.0] * 10)
    (found,) = evaluate(reports, SITES, [], PACKS)
    assert (found.n_valid, found.value) == (9, 1.888889)  # 12:08 stays a fault, 12:09 is new


def test_implausible_readings_are_as_if_ingest_had_refused_them() -> None:
    engine = Engine(PACKS, SITES)
    engine.push(minutes("r1", NOON, [1.0] * 8 + [-5.0, 1e9]))
    (found,) = engine.finish()
    assert (found.n_valid, found.value) == (8, 1.0)
    assert engine.implausible == {"oil_fume": 2}


@pytest.mark.parametrize(
    ("start", "standard", "limits"),
    [
        (datetime(2026, 6, 1, 5, 40, tzinfo=CHINA), "GB 12523-2025", ["noise_night", "noise_day"]),
        (datetime(2026, 6, 1, 21, 40, tzinfo=CHINA), "GB 12523-2025", ["noise_day", "noise_night"]),
        (datetime(2026, 6, 1, 23, 40, tzinfo=CHINA), "GB 12523-2025", ["noise_night", "noise_night"]),
    ],
)
def test_day_and_night_by_the_windows_start(start: datetime, standard: str, limits: list[str]) -> None:
    found = evaluate(minutes("w1", start, [60.0] * 40, "noise"), SITES, [], PACKS)
    assert [(one.standard, one.limit) for one in found] == [(standard, name) for name in limits]
    verdicts = {"noise_night": Verdict.EXCEED, "noise_day": Verdict.PASS}
    assert [one.verdict for one in found] == [verdicts[name] for name in limits]


def test_the_noise_standard_changes_at_new_year() -> None:
    start = datetime(2025, 12, 31, 23, 40, tzinfo=CHINA)
    both = [Report("w1", start + i * MINUTE, {"noise": 50.0, "noise_max": 71.0}) for i in range(40)]
    found = evaluate(both, SITES, [], PACKS)
    assert [(one.standard, one.limit, one.verdict) for one in found] == [
        ("GB 12523-2011", "noise_night", Verdict.PASS),
        ("GB 12523-2011", "noise_night_max", Verdict.EXCEED),
        ("GB 12523-2025", "noise_night", Verdict.PASS),
        ("GB 12523-2025", "noise_night_max", Verdict.EXCEED),
    ]


def test_night_peaks_have_no_limit_by_day() -> None:
    assert evaluate(minutes("w1", NOON, [99.0] * 20, "noise_max"), SITES, [], PACKS) == []


def test_hebeis_every_hour_is_judged_by_itself() -> None:
    reports = minutes("hebei", NOON, [260.0] * 180, "pm10")
    context = [ContextValue("city.pm10", "1301", NOON + hour * 60 * MINUTE, 190.0) for hour in range(3)]
    found = evaluate(reports, SITES, context, PACKS)
    assert [(one.verdict, one.value) for one in found] == [(Verdict.EXCEED, 110.0)] * 3


def test_an_unknown_device_waits_for_the_register() -> None:
    engine = Engine(PACKS, {})
    engine.push(minutes("r1", NOON, [3.0] * 10))
    assert engine.unknown_devices == {"r1"}
    engine.update_sites(SITES)
    assert engine.unknown_devices == frozenset()
    assert brief(engine.advance(0, to_ms(at(12, 12)))) == [("r1", "12:00", Verdict.EXCEED, 1, False)]


def test_a_replay_issues_nothing_twice_and_revisions_go_on() -> None:
    start = minutes("r1", NOON, [3.0] * 8) + minutes("r1", at(12, 12), [1.0])
    published = Engine(PACKS, SITES).push(start)
    engine = Engine(PACKS, SITES)
    engine.recall(published)
    assert engine.push(start) == []
    assert brief(engine.push(minutes("r1", at(12, 8), [0.0]))) == [("r1", "12:00", Verdict.EXCEED, 2, False)]
    assert ("r1", "12:00", Verdict.EXCEED, 2, True) in brief(engine.finish())


def test_a_replay_leaves_final_verdicts_alone_and_knows_of_silences() -> None:
    first = Engine(PACKS, SITES)
    published = [*first.push(minutes("r1", NOON, [3.0] * 10)), *first.finish()]
    engine = Engine(PACKS, SITES)
    engine.recall(published)
    found = engine.push(minutes("r1", at(12, 30), [1.0] * 5))
    assert brief(found) == [
        ("r1", "12:10", Verdict.INVALID, 1, False),
        ("r1", "12:20", Verdict.INVALID, 1, False),
    ]


def test_a_final_verdict_survives_a_replay_that_holds_only_part_of_its_window() -> None:
    first = Engine(PACKS, SITES)
    start = minutes("r1", NOON, [3.0] * 10) + minutes("r1", at(12, 10), [1.0] * 10)
    published = [*first.push(start), *first.push(minutes("r1", at(18, 12), [1.0]))]
    published = [one for one in published if one.window_start == NOON]
    assert published[-1].final
    engine = Engine(PACKS, SITES)
    engine.advance(0, to_ms(at(12, 12)))
    engine.recall(published)
    issued = [one for report in start[4:] for one in engine.push([report])] + engine.finish()
    assert brief(issued) == [("r1", "12:10", Verdict.PASS, 1, True)]


def test_recalled_evaluations_are_let_go_with_their_windows() -> None:
    published = Engine(PACKS, SITES).push(minutes("r1", NOON, [3.0] * 10) + minutes("r1", at(12, 12), [1.0]))
    engine = Engine(PACKS, SITES)
    engine.recall(published)
    engine.advance(0, to_ms(at(19)))
    assert engine._shards[0].recalled == {}


def test_a_partition_that_another_process_judges_is_forgotten() -> None:
    engine = Engine(PACKS, SITES)
    engine.push(minutes("r1", NOON, [3.0] * 10), partition=3)
    engine.forget(3)
    assert engine.watermark(3) is None
    assert engine.finish() == []


def test_lateness_must_not_be_shorter_than_grace() -> None:
    with pytest.raises(ConfigError, match="raise it"):
        Engine(PACKS, SITES, grace_ms=2, lateness_ms=1)


def test_an_empty_batch_is_nothing() -> None:
    assert Engine(PACKS, SITES).push([]) == []
    assert evaluate([], SITES, [], PACKS) == []
