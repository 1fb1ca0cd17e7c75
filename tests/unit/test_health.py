"""Device health: each rule at its edge, and that batches, order and restarts change nothing."""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import health
from domain.errors import ConfigError
from domain.evaluation import Evaluation, Verdict
from domain.instant import CHINA, to_ms
from domain.report import Report
from domain.site import Site, SiteKind
from rules.engine import Engine
from rules.health_pack import load_health, parse_health
from rules.pack import standard_packs

PACK = load_health()
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 21, 12, tzinfo=CHINA)
SITES = {
    "r1": Site(site="r1", kind=SiteKind.RESTAURANT, area="320602"),
    "r2": Site(site="r2", kind=SiteKind.RESTAURANT, area="320602"),
    "w1": Site(site="w1", kind=SiteKind.CONSTRUCTION, area="320602"),
    "slow": Site(site="w2", kind=SiteKind.CONSTRUCTION, area="320602", interval_s=900),
}
COOKING = {"fan_on": 1.0, "purifier_on": 1.0, "purifier_current": 2.0}


def rule(name: str = "x", finds: str = "silence", **more: object) -> str:
    """A rule as TOML."""
    keys = {"id": name, "finds": finds, "kinds": ["construction"], "limit": 7, "mark": "for the test"} | more
    return "[[rule]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


def engine() -> Engine:
    return Engine((), SITES, health_pack=PACK)


def report(
    device: str,
    at: datetime,
    readings: Mapping[str, float],
    flags: Mapping[str, str] | None = None,
    delay_s: float = 1.0,
) -> Report:
    return Report(device, at, dict(readings), dict(flags or {}), received_at=at + timedelta(seconds=delay_s))


def fumes(device: str, start: datetime, count: int, **readings: float) -> list[Report]:
    """Minutes of a kitchen that cooks as it should, but for what is said."""
    return [
        report(device, start + n * MINUTE, COOKING | {"oil_fume": 0.4 + n % 7 / 100} | readings)
        for n in range(count)
    ]


def dust(
    device: str, start: datetime, count: int, every: timedelta = MINUTE, **readings: float
) -> list[Report]:
    return [
        report(device, start + n * every, {"tsp": 90.0 + n % 5, "noise": 55.0 + n % 3} | readings)
        for n in range(count)
    ]


def told(reports: Iterable[Report], until: datetime | None = None) -> list[Evaluation]:
    """What is told of reports in their order, up to an instant."""
    one = engine()
    found = one.push(list(reports))
    return found + (one.advance(0, to_ms(until) + 90_000) if until else [])


def brief(found: Iterable[Evaluation]) -> list[tuple[str, str, float | None, Verdict]]:
    return [
        (one.limit, one.window_start.astimezone(CHINA).strftime("%H:%M"), one.value, one.verdict)
        for one in found
        if not one.final
    ]


def findings(found: Iterable[Evaluation]) -> set[str]:
    return {one.limit for one in found if one.verdict is Verdict.EXCEED}


def test_of_a_healthy_device_nothing_is_said() -> None:
    reports = [*fumes("r1", NOON, 120), *dust("w1", NOON, 120)]
    assert told(sorted(reports, key=lambda one: one.at), NOON + 120 * MINUTE) == []


def test_a_silent_device_is_suspected_and_then_offline_and_seen_to_return() -> None:
    reports = [*dust("w1", NOON, 6), *dust("w1", NOON + 81 * MINUTE, 60)]
    assert brief(told(reports, NOON + 120 * MINUTE)) == [
        ("offline_construction", "12:10", 14.0, Verdict.INDETERMINATE),
        ("offline_construction", "12:20", 24.0, Verdict.INDETERMINATE),
        ("offline_construction", "12:30", 34.0, Verdict.INDETERMINATE),
        ("offline_construction", "12:40", 44.0, Verdict.INDETERMINATE),
        ("offline_construction", "12:50", 54.0, Verdict.INDETERMINATE),
        ("offline_construction", "13:00", 64.0, Verdict.EXCEED),
        ("offline_construction", "13:10", 74.0, Verdict.EXCEED),
        ("offline_construction", "13:20", 0.0, Verdict.PASS),
        ("offline_construction", "13:30", 0.0, Verdict.PASS),
        ("offline_construction", "13:40", 0.0, Verdict.PASS),
        ("offline_construction", "13:50", 0.0, Verdict.PASS),
    ]


def test_a_finding_says_what_it_is() -> None:
    (one,) = [one for one in told(dust("w1", NOON, 1), NOON + 70 * MINUTE) if one.verdict == "exceed"]
    assert (one.standard, one.factor, one.statistic, one.unit) == (
        health.STANDARD,
        health.FACTOR,
        "silence",
        "min",
    )
    assert (one.limit_value, one.n_valid, one.n_expected, one.clause) == (60.0, 0, 10, "product choice")


def test_a_device_that_reports_rarely_is_given_three_of_its_periods() -> None:
    reports = dust("slow", NOON, 2, timedelta(minutes=15))
    found = told(reports, NOON + 60 * MINUTE)
    assert brief(found) == []  # 44 min are not more than 3 × 15
    assert [one.limit_value for one in told(reports, NOON + 90 * MINUTE)][-1:] == [60.0]


def test_a_restaurant_may_be_silent_outside_its_hours() -> None:
    morning = NOON.replace(hour=3)
    found = told(fumes("r1", morning, 5), NOON)
    assert brief(found)[0] == ("offline_restaurant", "10:10", 20.0, Verdict.INDETERMINATE)
    assert next(one for one in brief(found) if one[3] is Verdict.EXCEED)[:3] == (
        "offline_restaurant",
        "11:00",
        70.0,
    )
    closed = fumes("r1", NOON.replace(hour=22), 5)
    assert told(closed, NOON.replace(hour=9) + timedelta(days=1)) == []


def test_a_silence_is_told_for_a_day() -> None:
    found = told(dust("w1", NOON, 1), NOON + timedelta(days=4))
    assert max(one.window_end for one in found) == NOON + timedelta(days=1)


def test_a_device_that_is_retired_may_be_silent() -> None:
    one = engine()
    assert one.health
    one.push(dust("w1", NOON, 1))
    one.health.retire(["w1"])
    assert one.advance(0, to_ms(NOON + 90 * MINUTE)) == []


@pytest.mark.parametrize(("minutes", "finding"), [(5, False), (6, True)])
def test_the_fan_runs_and_the_purifier_stands(minutes: int, finding: bool) -> None:
    off = {"purifier_on": 0.0, "purifier_current": 0.0}
    reports = [*fumes("r1", NOON, minutes, **off), *fumes("r1", NOON + minutes * MINUTE, 10 - minutes)]
    found = told(reports, NOON + 10 * MINUTE)
    assert findings(found) == ({"purifier_off"} if finding else set())
    assert [one.value for one in found] == ([6.0] if finding else [])


def test_without_switches_the_currents_tell() -> None:
    reports = [
        report("r1", NOON + n * MINUTE, {"fan_current": 3.0, "purifier_current": 0.0}) for n in range(10)
    ]
    assert findings(told(reports, NOON + 10 * MINUTE)) == {"purifier_off"}
    resting = [
        report("r1", NOON + n * MINUTE, {"fan_current": 0.1, "purifier_current": 0.0}) for n in range(10)
    ]
    assert told(resting, NOON + 10 * MINUTE) == []


def test_a_purifier_of_which_nothing_is_known_is_not_off() -> None:
    assert (
        told([report("r1", NOON + n * MINUTE, {"fan_on": 1.0}) for n in range(10)], NOON + 10 * MINUTE) == []
    )


def test_a_purifier_that_is_on_and_draws_nothing() -> None:
    found = told(fumes("r1", NOON, 10, purifier_current=0.05), NOON + 10 * MINUTE)
    assert brief(found) == [("purifier_current_zero", "12:00", 10.0, Verdict.EXCEED)]


def test_readings_that_are_too_clean_while_the_fan_runs() -> None:
    clean = [report("r1", NOON + n * MINUTE, COOKING | {"oil_fume": 0.02 + n % 5 / 100}) for n in range(60)]
    assert brief(told(clean, NOON + 60 * MINUTE)) == [("too_clean", "12:00", 100.0, Verdict.EXCEED)]
    cold = [report("r1", one.at, one.readings | {"fan_on": 0.0}) for one in clean]
    assert told(cold, NOON + 60 * MINUTE) == []
    assert told(clean[:44] + fumes("r1", NOON + 44 * MINUTE, 16), NOON + 60 * MINUTE) == []


@pytest.mark.parametrize(("device", "factor"), [("r1", "oil_fume"), ("w1", "tsp"), ("w1", "noise")])
def test_a_line_that_is_flat(device: str, factor: str) -> None:
    make = fumes if device == "r1" else dust
    assert findings(told(make(device, NOON, 46, **{factor: 61.0}), NOON + 60 * MINUTE)) == {f"flat_{factor}"}
    assert findings(told(make(device, NOON, 45, **{factor: 61.0}), NOON + 60 * MINUTE)) == set()
    moved = make(device, NOON, 59, **{factor: 61.0}) + make(device, NOON + 59 * MINUTE, 1, **{factor: 61.1})
    assert told(moved, NOON + 60 * MINUTE) == []


def test_a_cold_kitchen_may_stay_at_nothing_all_night() -> None:
    night = NOON.replace(hour=2)
    cold = [report("r1", night + n * MINUTE, {"oil_fume": 0.0, "fan_on": 0.0}) for n in range(180)]
    assert told(cold, night + 180 * MINUTE) == []


@pytest.mark.parametrize("lost", [12, 13])
def test_readings_that_no_monitor_gives_or_that_the_door_refused(lost: int) -> None:
    wild = [*dust("w1", NOON, lost, noise=999.9), *dust("w1", NOON + lost * MINUTE, 60 - lost)]
    refused = [
        report("w1", one.at, {"tsp": one.readings["tsp"]} if n < lost else one.readings)
        for n, one in enumerate(wild)
    ]
    expected = {"implausible_noise"} if lost > 12 else set()
    assert findings(told(wild, NOON + 60 * MINUTE)) == expected
    assert findings(told(refused, NOON + 60 * MINUTE)) == expected


def test_a_factor_that_a_device_never_had_is_not_missed() -> None:
    only_noise = [report("w1", NOON + n * MINUTE, {"noise": 50.0 + n % 3}) for n in range(60)]
    assert told(only_noise, NOON + 60 * MINUTE) == []


@pytest.mark.parametrize(("minutes", "finding"), [(15, False), (16, True)])
def test_a_monitor_that_is_over_its_range(minutes: int, finding: bool) -> None:
    over = [
        report("w1", NOON + n * MINUTE, {"tsp": 2000.0, "noise": 50.0 + n % 3}, {"tsp": "T"})
        for n in range(minutes)
    ]
    rest = dust("w1", NOON + minutes * MINUTE, 60 - minutes)
    assert findings(told(over + rest, NOON + 60 * MINUTE)) == ({"saturated"} if finding else set())


@pytest.mark.parametrize(
    ("delay_s", "verdict"),
    [
        (-301.0, "exceed"),
        (-300.0, "indeterminate"),
        (-120.0, None),
        (1, None),
        (121, "indeterminate"),
        (400, "exceed"),
    ],
)
def test_a_clock_that_is_off_either_way(delay_s: float, verdict: str | None) -> None:
    reports = [
        report("w1", NOON + n * MINUTE, {"tsp": 90.0 + n, "noise": 50.0 + n % 3}, delay_s=delay_s + n % 3)
        for n in range(60)
    ]
    hour = [one for one in told(reports, NOON + 60 * MINUTE) if one.window_start == NOON]
    found = [one for one in hour if one.limit == "clock_shift"]
    assert [(one.verdict, one.value) for one in found] == ([(verdict, abs(delay_s))] if verdict else [])


def test_a_backlog_is_no_wrong_clock() -> None:
    sent = NOON + 70 * MINUTE
    backlog = [Report("w1", one.at, one.readings, received_at=sent) for one in dust("w1", NOON, 60)]
    assert (
        told([report("w1", NOON - 30 * MINUTE, {"tsp": 1.0}), *backlog], NOON + 80 * MINUTE)[0].limit
        != "clock_shift"
    )
    assert "clock_shift" not in {one.limit for one in told(backlog, NOON + 80 * MINUTE)}


def test_late_data_take_a_finding_back() -> None:
    one = engine()
    one.push(dust("w1", NOON, 1))
    first = one.advance(0, to_ms(NOON + 72 * MINUTE))
    assert findings(first) == {"offline_construction"}
    late = [Report("w1", r.at, r.readings, received_at=NOON + 73 * MINUTE) for r in dust("w1", NOON, 73)]
    again = one.push(late) + one.advance(0, to_ms(NOON + 82 * MINUTE))
    taken_back = [r for r in again if r.revision == 2]
    assert [r.window_start for r in taken_back] == [r.window_start for r in first]
    assert {r.verdict for r in again} == {Verdict.PASS}


def test_what_was_told_becomes_final_once() -> None:
    one = engine()
    found = one.push(fumes("r1", NOON, 30, purifier_on=0.0, purifier_current=0.0))
    found += one.advance(0, to_ms(NOON + timedelta(hours=7)))
    exceeding = [r for r in found if r.limit == "purifier_off"]
    assert [(r.window_start, r.final) for r in exceeding] == [
        (NOON + n * MINUTE, final) for final in (False, True) for n in (0, 10, 20)
    ]


def day(seed: int) -> list[Report]:
    """Half a day of four troubled devices in the order in which they measure."""
    draws = random.Random(seed)
    found: list[Report] = []
    start = NOON.replace(hour=9)
    for device in ("r1", "r2", "w1"):
        at = start
        while at < start + timedelta(hours=8):
            count = draws.choice([3, 20, 75])
            make = dust if device == "w1" else fumes
            trouble = draws.choice(
                [{}, {"purifier_on": 0.0}, {"purifier_current": 0.0}, {"oil_fume": 0.01}, {"noise": 999.9}]
            )
            if draws.random() < 0.8:
                found += make(device, at, count, **trouble)
            at += count * MINUTE
    return [report("w1", start, {"tsp": 1.0}), *sorted(found, key=lambda one: (one.at, one.device))]


def final(found: Sequence[Evaluation]) -> set[tuple[object, ...]]:
    """The last word on everything that was found or suspected."""
    return {
        (one.device, one.limit, one.window_start, one.value, one.verdict, one.n_valid)
        for one in found
        if one.final and one.verdict is not Verdict.PASS
    }


END = to_ms(NOON + timedelta(days=1))


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 99), cuts=st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_any_cutting_into_batches_tells_the_same_in_the_same_order(seed: int, cuts: list[int]) -> None:
    log = day(seed)
    whole, pieces = engine(), engine()
    expected = whole.push(log) + whole.advance(0, END)
    found, place = [], 0
    while place < len(log):
        size = cuts[place % len(cuts)]
        found += pieces.push(log[place : place + size])
        place += size
    assert found + pieces.advance(0, END) == expected
    assert final(expected)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 99), reach=st.integers(1, 300))
def test_any_order_within_the_lateness_gives_the_same_last_word(seed: int, reach: int) -> None:
    first, *log = day(seed)
    draws = random.Random(seed)
    held_up = sorted(log, key=lambda one: one.instant + draws.random() * reach * MINUTE)
    orderly, disorderly = engine(), engine()
    expected = orderly.push([first, *log]) + orderly.advance(0, END)
    repeated = [one for one in held_up for _ in range(1 + (draws.random() < 0.1))]
    found = disorderly.push([first, *repeated]) + disorderly.advance(0, END)
    assert final(found) == final(expected)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 99), share=st.floats(0.1, 0.9))
def test_a_restart_says_nothing_twice_and_misses_nothing(seed: int, share: float) -> None:
    """As the service does it: recall what was told, go back by the lateness, replay, go on."""
    log = day(seed)
    stop = int(len(log) * share)
    whole = engine()
    expected = whole.push(log) + whole.advance(0, END)
    before = engine()
    published = before.push(log[:stop])
    watermark = before.watermark(0)
    assert watermark is not None
    after, changeable = engine(), watermark - 6 * 3_600_000
    after.advance(0, changeable)
    after.recall(published)
    after.push([one for one in log[:stop] if to_ms(one.instant) >= changeable - 70 * 60_000])
    found = after.push(log[stop:]) + after.advance(0, END)
    assert sorted(published + found, key=repr) == sorted(expected, key=repr)


def test_a_silence_that_began_before_the_replay_goes_on() -> None:
    one = engine()
    assert one.health
    one.advance(0, to_ms(NOON + 2 * MINUTE))
    one.health.remember({"w1": to_ms(NOON - timedelta(hours=9))}, 0)
    assert brief(one.advance(0, to_ms(NOON + 12 * MINUTE))) == [
        ("offline_construction", "12:00", 549.0, Verdict.EXCEED)
    ]


def test_health_leaves_the_limits_alone() -> None:
    log = [*fumes("r1", NOON, 40, oil_fume=3.0, purifier_on=0.0)]
    plain, both = Engine(standard_packs(), SITES), Engine(standard_packs(), SITES, health_pack=PACK)
    found = both.push(log)
    assert [one for one in found if one.standard != health.STANDARD] == plain.push(log)
    assert findings(found) == {"oil_fume", "purifier_off"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rule = 3", "rule: input should be a valid tuple"),
        ("[[rule]]\nid = 'x'", "rule[0].finds: this key is missing"),
        ("idle_current = 0", "idle_current: input should be greater than 0"),
        ("colour = 1", "colour: no such key"),
        (rule(finds="silence", limit=10, soft=10), "soft (10) is not below the limit (10)"),
        (rule(finds="silence", hours=["10:05-12:00"]), "rule[0].hours[0]"),
        (rule(finds="silence", hours=["22:00-10:00"]), "cut it at 24:00"),
        (rule(finds="saturated", hours=["10:00-12:00"]), "hours belong to silence only"),
        (rule(finds="flat"), "flat needs a factor"),
        (rule(finds="silence", factor="tsp"), "silence has no factor"),
        (rule(finds="flat", factor="colour"), "'colour' is no factor"),
        (rule(finds="too_clean", factor="oil_fume"), "below belongs to too_clean"),
        (rule(finds="unpurified", limit=10), "unpurified is never more than 10 min"),
        (rule(finds="implausible", factor="tsp", limit=100), "implausible is never more than 100 %"),
        (rule(finds="silence") + rule(finds="silence"), "rule id 'x' is there twice"),
        ("[", "not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_key_and_remedy(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_health(text, "city.toml")
    assert str(refused.value).startswith("city.toml: ")
    assert said in str(refused.value)


def test_a_city_lays_its_own_rules_over_those_that_ship(tmp_path: Path) -> None:
    own = tmp_path / "health.toml"
    own.write_text(
        "passes = 2\n"
        + rule("purifier_off", "unpurified", limit=8)
        + rule("saturated", "saturated", off=True)
    )
    pack = load_health(own)
    limits = {one.id: one.limit for one in pack.rule}
    assert limits["purifier_off"] == 8
    assert "saturated" not in limits
    assert len(limits) == len(PACK.rule) - 1
    assert (pack.passes, pack.idle_current) == (2, PACK.idle_current)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_health(tmp_path / "none.toml")
    own.write_text(rule("cleaner", "too_clean", factor="oil_fume", below=0.2))
    with pytest.raises(ConfigError, match="two rules too_clean"):
        load_health(own)


def test_a_silence_that_would_never_be_told_is_refused() -> None:
    pack = parse_health(rule(finds="silence", limit=2000), "city.toml")
    with pytest.raises(ConfigError, match="must lie below 1440 min"):
        Engine((), SITES, health_pack=pack)


def test_every_threshold_that_ships_says_that_it_is_a_product_choice() -> None:
    assert {one.mark for one in PACK.rule} == {"product choice"}
