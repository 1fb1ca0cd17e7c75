"""From episodes to squads' nights, and what is told of it."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from struct import pack

import msgspec
import pytest

from alerts.rehearsal import first_notices
from alerts.route import SUPERVISION, Post
from app.backtest import Result, Side
from app.backtest_plan import Plan
from app.difference import NightLine, SiteLine, Totals, difference
from domain.case import Nuisance
from domain.episode import Episode, EpisodeRule, EpisodeState
from domain.evaluation import Verdict
from domain.instant import CHINA
from domain.register import GridLevel
from domain.site import Device, Site, SiteKind
from rules.pack import standard_packs
from runtime.readings import decode

EVENING = datetime(2026, 11, 1, 18, tzinfo=CHINA)
HOUR = timedelta(hours=1)
TWELVE = 12 * HOUR

EAST = Post(
    squad="east", name="东", cell="1", level=GridLevel.GRID, on_duty=True, webhook_url="http://squad.test"
)
RESTING = Post(squad="rest", name="休", cell="2", level=GridLevel.GRID, on_duty=False)
WAYS_UP = {"shop": [RESTING, EAST], "yard": [RESTING], "bar": [EAST]}
AT = {"d1": "shop", "d2": "shop", "d3": "yard", "d4": "bar"}


def episode(device: str, start: datetime, length: timedelta = HOUR, factor: str = "oil_fume") -> Episode:
    return Episode(
        episode_id=uuid.uuid4(),
        device=device,
        standard="GB 18483-2001",
        limit=factor,
        factor=factor,
        state=EpisodeState.CLEARED,
        started_at=start,
        ended_at=start + length,
        n_exceed=1,
        peak=3.0,
        limit_value=2.0,
        unit="mg/m³",
    )


def told(episodes: Sequence[Episode]) -> list[tuple[str, str, datetime]]:
    found = first_notices(episodes, AT, WAYS_UP, TWELVE)
    return [(one.site, one.recipient, one.occurred_at) for one in found]


def test_one_case_a_site_and_nuisance_whatever_joins_it() -> None:
    late = EVENING + 3 * HOUR
    assert told([episode("d2", late), episode("d1", EVENING), episode("d1", late, factor="nmhc")]) == [
        ("shop", "east", EVENING)
    ]


def test_another_nuisance_is_another_case() -> None:
    both = [episode("d1", EVENING), episode("d1", EVENING, factor="noise")]
    found = first_notices(both, AT, WAYS_UP, TWELVE)
    assert [one.nuisance for one in found] == [Nuisance.FUME, Nuisance.NOISE]


def test_after_its_time_a_case_has_ended() -> None:
    assert told([episode("d1", EVENING), episode("d1", EVENING + TWELVE - timedelta(seconds=1))]) == [
        ("shop", "east", EVENING)
    ]
    assert told([episode("d1", EVENING), episode("d1", EVENING + TWELVE)]) == [
        ("shop", "east", EVENING),
        ("shop", "east", EVENING + TWELVE),
    ]


def test_nobody_can_close_a_case_that_still_exceeds() -> None:
    long = episode("d1", EVENING, 15 * HOUR)
    joined = episode("d2", EVENING + 14 * HOUR, 6 * HOUR)
    after = episode("d1", EVENING + 20 * HOUR)
    assert told([long, joined, after]) == [("shop", "east", EVENING), ("shop", "east", EVENING + 20 * HOUR)]


def test_where_no_squad_is_on_duty_supervision_is_told() -> None:
    assert told([episode("d3", EVENING)]) == [("yard", SUPERVISION, EVENING)]


@pytest.mark.parametrize(
    ("at", "night"),
    [
        (datetime(2026, 11, 1, 12, tzinfo=CHINA), date(2026, 11, 1)),
        (datetime(2026, 11, 2, 1, 30, tzinfo=CHINA), date(2026, 11, 1)),
        (datetime(2026, 11, 2, 11, 59, tzinfo=CHINA), date(2026, 11, 1)),
        (datetime(2026, 11, 2, 12, tzinfo=CHINA), date(2026, 11, 2)),
    ],
)
def test_a_night_goes_from_noon_to_noon(at: datetime, night: date) -> None:
    (found,) = first_notices([episode("d1", at)], AT, WAYS_UP, TWELVE)
    assert found.night == night


def result() -> tuple[Plan, Result]:
    site = {name: Site(site=name, kind=SiteKind.RESTAURANT, area="320602") for name in WAYS_UP}
    devices = {name: Device(device=name, point_id=1, site=site[at]) for name, at in AT.items()}
    before, after = Side(), Side()
    before.episodes = [episode("d1", EVENING)]
    before.exceedances.update({"d1": 2, "d2": 0})
    before.verdicts.update({Verdict.EXCEED: 2, Verdict.PASS: 8})
    after.episodes = [episode(name, EVENING) for name in AT] + [episode("d1", EVENING + 24 * HOUR)]
    after.exceedances.update({"d1": 4, "d2": 1, "d3": 1, "d4": 1})
    after.verdicts.update({Verdict.EXCEED: 7, Verdict.PASS: 2, Verdict.INVALID: 1})
    packs = standard_packs()
    plan = Plan(
        first=date(2026, 11, 1),
        last=date(2026, 11, 2),
        sets=(packs, packs),
        factors=["oil_fume"],
        rule=EpisodeRule(),
    )
    return plan, Result(devices, before, after, readings=100, seconds=0.5)


def test_sites_nights_and_sums() -> None:
    plan, found = result()
    *lines, totals = difference(plan, found, WAYS_UP, TWELVE)
    assert lines == [
        SiteLine("bar", "east", 0, 1, 0, 1, 0, 1),
        SiteLine("shop", "east", 2, 5, 1, 3, 1, 2),
        SiteLine("yard", SUPERVISION, 0, 1, 0, 1, 0, 1),
        NightLine("east", date(2026, 11, 1), 1, 2),
        NightLine("east", date(2026, 11, 2), 0, 1),
        NightLine(SUPERVISION, date(2026, 11, 1), 0, 1),
    ]
    assert isinstance(totals, Totals)
    assert (totals.devices, totals.readings) == (4, 100)
    assert (totals.before.sites_exceeding, totals.after.sites_exceeding) == (1, 3)
    assert (totals.before.notices, totals.after.notices) == (1, 4)
    assert (totals.before.most_in_a_squads_night, totals.after.most_in_a_squads_night) == (1, 2)
    assert (totals.after.exceedances, totals.after.passes, totals.after.invalid) == (7, 2, 1)


def test_a_line_says_what_it_is() -> None:
    plan, found = result()
    lines = [
        msgspec.json.decode(msgspec.json.encode(line)) for line in difference(plan, found, WAYS_UP, TWELVE)
    ]
    assert [line["line"] for line in lines] == ["site"] * 3 + ["squad_night"] * 3 + ["totals"]
    assert lines[0]["exceedances_after"] == 1
    assert lines[3]["night"] == "2026-11-01"


def test_nothing_found_is_sums_of_nothing() -> None:
    plan, found = result()
    (totals,) = difference(plan, Result(found.devices), WAYS_UP, TWELVE)
    assert isinstance(totals, Totals)
    assert (totals.before.notices, totals.before.most_in_a_squads_night) == (0, 0)


def array(code: str, element: int, *items: float) -> bytes:
    head = pack(">iiiii", 1, 0, element, len(items), 1)
    return head + b"".join(pack(f">i{code}", 8, item) for item in items)


def row(*fields: bytes | None) -> bytes:
    parts = [pack(">i", -1) if field is None else pack(">i", len(field)) + field for field in fields]
    return pack(">h", len(fields)) + b"".join(parts)


def test_a_row_of_the_copy() -> None:
    fields = (pack(">i", 7), b"oil_fume", array("q", 1184, 5, 6, 9), array("d", 701, 1.5, -2.0, 0.1))
    series = decode(row(*fields, array("q", 1184, 9), None))
    assert series is not None
    assert (series.point, series.factor) == (7, "oil_fume")
    assert (series.at_us.tolist(), series.value.tolist()) == ([5, 6, 9], [1.5, -2.0, 0.1])
    assert (series.saturated_us.tolist(), series.doubtful_us.tolist()) == ([9], [])


def test_header_and_trailer_of_the_copy() -> None:
    header = b"PGCOPY\n\xff\r\n\x00" + pack(">ii", 0, 3) + b"ext"
    first = row(pack(">i", 1), b"tsp", array("q", 1184, 5), array("d", 701, 1.0), None, None)
    series = decode(header + first)
    assert series is not None
    assert series.factor == "tsp"
    assert decode(pack(">h", -1)) is None
    assert decode(header + pack(">h", -1)) is None
    assert decode(header) is None
