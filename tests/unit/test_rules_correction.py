"""Which windows a due means, and what must be published of them."""

from datetime import datetime, timedelta

from msgspec.structs import replace

from domain.context import ContextValue
from domain.evaluation import Evaluation, Verdict
from domain.instant import CHINA, iso
from domain.report import Report
from domain.site import Device, Site, SiteKind
from rules.correction import Spot, Spots, corrections, merged, open_spots, spot_of, spots_of
from rules.limits import Book
from rules.offline import evaluate
from rules.pack import standard_packs
from runtime.corrections import Due, Why

PACKS = standard_packs()
SERIES = Book(PACKS).series
NOON = datetime(2026, 11, 21, 12, tzinfo=CHINA)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LATENESS = 6 * HOUR
TOMORROW = NOON + 24 * HOUR


def device(name: str, kind: SiteKind, area: str) -> Device:
    return Device(device=name, point_id=1, site=Site(site=f"at-{name}", kind=kind, area=area))


DEVICES = [
    device("r", SiteKind.RESTAURANT, "320602"),
    device("w", SiteKind.CONSTRUCTION, "320602"),
    device("far", SiteKind.CONSTRUCTION, "130102"),
]
SITES = {one.device: one.site for one in DEVICES}


def shown(spots: list[Spot]) -> set[tuple[str, str, int]]:
    """Device, factor, minutes of the window."""
    return {(spot.device, spot.factor, (spot.end_ms - spot.start_ms) // 60_000) for spot in spots}


def test_a_late_reading_means_every_window_that_holds_it() -> None:
    due = Due(reason=Why.LATE, device="w", factor="tsp", since=NOON, until=NOON + MINUTE)
    assert shown(spots_of(due, DEVICES, SERIES)) == {("w", "tsp", 15)}
    noise = Due(
        reason=Why.LATE, device="w", factor="noise", since=NOON + 25 * MINUTE, until=NOON + 26 * MINUTE
    )
    (spot,) = spots_of(noise, DEVICES, SERIES)
    assert spot.start_ms == (NOON + 20 * MINUTE).timestamp() * 1000


def test_a_citys_hour_means_the_windows_that_need_it_in_its_area() -> None:
    due = Due(reason=Why.CONTEXT, area="32", series="city.pm10", since=NOON, until=NOON + HOUR)
    assert shown(spots_of(due, DEVICES, SERIES)) == {("r", "pm10", 60), ("w", "pm10", 60)}
    aqi = Due(reason=Why.CONTEXT, area="3206", series="city.aqi", since=NOON, until=NOON + HOUR)
    assert len(spots_of(aqi, [DEVICES[1]], SERIES)) == 4, "four quarters of the hour"


def test_an_entry_of_a_site_means_that_site_alone() -> None:
    due = Due(reason=Why.CALENDAR, site="at-w", since=NOON, until=NOON + MINUTE)
    assert {spot.device for spot in spots_of(due, DEVICES, SERIES)} == {"w"}


def test_stretches_join_windows_that_touch() -> None:
    spots = [Spot("a", "x", 20, 30), Spot("a", "x", 0, 10), Spot("a", "x", 10, 20), Spot("a", "y", 30, 40)]
    assert list(merged(spots)) == [Spot("a", "x", 0, 30), Spot("a", "y", 30, 40)]
    assert list(merged([Spot("a", "x", 0, 10), Spot("a", "x", 11, 12)])) == [
        Spot("a", "x", 0, 10),
        Spot("a", "x", 11, 12),
    ]
    assert list(merged([])) == []


def fumes(*values: float) -> list[Report]:
    return [Report("r", NOON + n * MINUTE, {"oil_fume": value}) for n, value in enumerate(values)]


def judge(reports: list[Report], context: list[ContextValue] | None = None) -> list[Evaluation]:
    return evaluate(reports, SITES, context or [], PACKS)


def why(judged: list[Evaluation], *reasons: Why) -> Spots:
    return {spot_of(one): set(reasons) for one in judged}


def test_what_differs_is_the_next_revision_and_final() -> None:
    (before,) = judge(fumes(*[1.9] * 8))
    before = replace(before, revision=3)
    after = judge(fumes(*[1.9] * 8, 4.0))
    (found,) = corrections(after, [before], why(after, Why.LATE), ())
    assert (found.evaluation.verdict, found.evaluation.revision, found.evaluation.final) == (
        Verdict.EXCEED,
        4,
        True,
    )
    assert found.before == before
    assert found.reasons == (Why.LATE,)
    assert found.evaluation.id == before.id


def test_what_says_the_same_is_not_said_again() -> None:
    judged = judge(fumes(*[1.9] * 8))
    stored = [replace(judged[0], revision=2)]
    assert corrections(judged, stored, why(judged, Why.LATE, Why.CONTEXT), ()) == []


def test_only_the_windows_in_question_are_corrected() -> None:
    judged = judge(fumes(*[3.0] * 20))
    assert len(judged) == 2
    (found,) = corrections(judged, [], why(judged[1:], Why.LATE), ())
    assert iso(found.evaluation.window_start)[11:16] == "12:10"


def test_an_open_window_is_left_to_the_engine() -> None:
    (before,) = judge(fumes(*[1.9] * 8))
    open_ = [replace(before, final=False)]
    assert open_spots(open_, LATENESS, NOON + HOUR) == {spot_of(before)}
    assert open_spots([before], LATENESS, NOON + HOUR) == set()
    assert open_spots(open_, LATENESS, NOON + 40 * HOUR) == set(), "nobody holds it any more"
    after = judge(fumes(*[1.9] * 8, 4.0))
    assert corrections(after, open_, why(after, Why.LATE), {spot_of(before)}) == []


def test_a_window_that_was_never_judged_is_corrected_for_a_reading_and_not_for_context() -> None:
    judged = judge(fumes(*[3.0] * 10))
    assert corrections(judged, [], why(judged, Why.CONTEXT), ()) == []
    (found,) = corrections(judged, [], why(judged, Why.LATE), ())
    assert (found.evaluation.revision, found.before) == (1, None)


def test_a_citys_figure_turns_not_known_into_a_verdict() -> None:
    dust = [Report("w", NOON + n * MINUTE, {"pm10": 200.0}) for n in range(60)]
    before = judge(dust)
    assert [one.verdict for one in before] == [Verdict.INDETERMINATE]
    after = judge(dust, [ContextValue(series="city.pm10", area="3206", at=NOON, value=150.0)])
    (found,) = corrections(after, before, why(after, Why.CONTEXT), ())
    assert (found.evaluation.verdict, found.evaluation.value) == (Verdict.PASS, 50.0)
