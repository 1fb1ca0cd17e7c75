"""Exceeding windows by site, a day, a month, a year."""

from datetime import date, datetime, timedelta

import msgspec

from domain.evaluation import Evaluation, Verdict
from domain.exceedance_count import ExceedanceCount, Period, count_exceedances
from domain.instant import CHINA

HEBEI = {("DB13/2934-2019", "pm10"): 2}
SITES = {"gate": "yard", "back": "yard", "other": "dock"}


def hour(at: str, device: str = "gate", verdict: Verdict = Verdict.EXCEED) -> Evaluation:
    start = datetime.fromisoformat(at).replace(tzinfo=CHINA)
    return Evaluation(
        device=device,
        standard="DB13/2934-2019",
        limit="pm10",
        factor="pm10",
        window_start=start,
        window_end=start + timedelta(hours=1),
        statistic="mean",
        value=110.0,
        limit_value=80.0,
        unit="µg/m³",
        verdict=verdict,
        n_valid=60,
        n_expected=60,
        adjustments=(),
        clause="1",
        revision=1,
        final=True,
    )


def totals(counts: list[ExceedanceCount], period: Period) -> list[tuple[str, date, int, int]]:
    return [(c.site, c.starts, c.n_exceed, c.n_beyond) for c in counts if c.period is period]


def test_days_months_and_years_of_a_site() -> None:
    judged = [
        hour("2026-11-30T08:00"),
        hour("2026-11-30T09:00"),
        hour("2026-11-30T10:00"),
        hour("2026-11-30T11:00", verdict=Verdict.PASS),
        hour("2026-11-30T12:00", verdict=Verdict.INDETERMINATE),
        hour("2026-12-01T00:00"),
        hour("2026-12-01T08:00", device="back"),
        hour("2027-01-01T00:00"),
        hour("2027-01-01T00:00", device="other"),
        hour("2027-01-01T00:00", device="nobody knows it"),
    ]
    counts = count_exceedances(judged, SITES, HEBEI)
    assert totals(counts, Period.DAY) == [
        ("dock", date(2027, 1, 1), 1, 0),
        ("yard", date(2026, 11, 30), 3, 1),
        ("yard", date(2026, 12, 1), 2, 0),  # two devices, one each: each may have two
        ("yard", date(2027, 1, 1), 1, 0),
    ]
    assert totals(counts, Period.MONTH)[1:] == [
        ("yard", date(2026, 11, 1), 3, 1),
        ("yard", date(2026, 12, 1), 2, 0),
        ("yard", date(2027, 1, 1), 1, 0),
    ]
    assert totals(counts, Period.YEAR) == [
        ("dock", date(2027, 1, 1), 1, 0),
        ("yard", date(2026, 1, 1), 5, 1),
        ("yard", date(2027, 1, 1), 1, 0),
    ]


def test_the_day_is_the_local_one() -> None:
    utc = msgspec.structs.replace(
        hour("2026-12-01T00:00"), window_start=datetime.fromisoformat("2026-11-30T16:00:00+00:00")
    )
    assert totals(count_exceedances([utc], SITES, {}), Period.DAY) == [("yard", date(2026, 12, 1), 1, 1)]


def test_one_of_two_allowed_is_no_violation_yet() -> None:
    """Hebei: 260 - min(190, 150) = 110 exceeds, count 1 of 2 allowed."""
    (day,) = totals(count_exceedances([hour("2026-11-21T12:00")], SITES, HEBEI), Period.DAY)
    assert day == ("yard", date(2026, 11, 21), 1, 0)
