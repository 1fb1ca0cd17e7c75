"""The calendar: its hours, its sheet, and what it does to verdicts."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.calendar import CalendarEntry, CalendarKind
from domain.errors import ConfigError
from domain.evaluation import Evaluation, Verdict
from domain.instant import CHINA, iso, to_ms
from domain.report import Report
from domain.site import Site, SiteKind
from rules.calendar import CalendarTable
from rules.engine import Engine
from rules.offline import evaluate
from rules.pack import parse_pack, standard_packs
from runtime.calendar_file import read_calendar

DAY = date(2026, 6, 7)
MINUTE = timedelta(minutes=1)
SITES = {
    name: Site(site=f"at-{name}", kind=SiteKind.CONSTRUCTION, area=area, sensitive=True)
    for name, area in [("here", "320602"), ("beside", "320602"), ("far", "320500")]
}
EXAM_TOML = """
standard = "exam"
title = "高考期间噪声管控"
area = "3206"
kinds = ["construction"]
beside = true
source = "the city's notice of the year"
[[limit]]
id = "exam_noise"
factor = "noise"
statistic = "energy_mean"
window_minutes = 20
value = 55
unit = "dB(A)"
during = "exam"
clause = "通告第二条"
mark = "product choice"
clause_mark = "product choice"
window_mark = "product choice"
"""
EXAM_PACK = parse_pack(EXAM_TOML, "exam.toml")
PACKS = (*standard_packs(), EXAM_PACK)


def entry(kind: CalendarKind = CalendarKind.EXAM, **more: Any) -> CalendarEntry:
    return CalendarEntry(**({"kind": kind, "title": "高考", "first_day": DAY, "last_day": DAY} | more))


def at(hour: int, minute: int = 0, day: int = 7) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=CHINA)


def noise(device: str, start: datetime, level: float, count: int = 20) -> list[Report]:
    return [Report(device, start + n * MINUTE, {"noise": level}) for n in range(count)]


def said(found: list[Evaluation]) -> set[tuple[str, str, str, str]]:
    return {(one.device, iso(one.window_start)[11:16], one.limit, one.verdict.value) for one in found}


def on(table: CalendarTable, site: str, instant: datetime) -> list[str]:
    return [one.title for one in table.at(SITES[site], to_ms(instant))]


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    night = entry(begins="20:00", ends="08:00")
    assert list(night.spans()) == [(at(20), at(8, day=8))]
    whole = entry(last_day=DAY + timedelta(days=1))
    assert list(whole.spans()) == [(at(0), at(0, day=8)), (at(0, day=8), at(0, day=9))]


def test_what_is_on_where_and_when() -> None:
    table = CalendarTable()
    table.replace([entry(area="3206", begins="12:00", ends="15:00"), entry(title="节", area="32")])
    assert on(table, "here", at(12)) == ["节", "高考"]
    assert on(table, "here", at(15)) == ["节"]
    assert on(table, "far", at(12)) == ["节"]
    assert on(table, "here", at(0, day=8)) == []


def test_replacing_the_calendar_tells_what_changed() -> None:
    table = CalendarTable()
    first, second = entry(), entry(title="中考")
    assert table.replace([first]) == [first]
    assert table.replace([first]) == []
    assert table.replace([second]) == [second, first]


def test_an_exam_adds_a_limit_in_its_hours_and_replaces_none() -> None:
    reports = noise("here", at(12), 60.0) + noise("here", at(15), 60.0) + noise("far", at(12), 60.0)
    found = evaluate(reports, SITES, [], PACKS, [entry(area="3206", begins="12:00", ends="15:00")])
    heard = {one for one in said(found) if one[3] != "invalid"}
    assert heard == {
        ("here", "12:00", "noise_day", "pass"),
        ("here", "12:00", "exam_noise", "exceed"),
        ("here", "15:00", "noise_day", "pass"),
        ("far", "12:00", "noise_day", "pass"),
    }
    (exam,) = [one for one in found if one.verdict is Verdict.EXCEED]
    assert exam.adjustments == ({"kind": "exam", "title": "高考", "document": ""},)


def test_a_limit_of_such_hours_must_stand_beside_the_others() -> None:
    with pytest.raises(ConfigError, match="beside = true"):
        parse_pack(EXAM_TOML.replace("beside = true", ""), "exam.toml")


def test_without_an_entry_the_exam_limit_never_holds() -> None:
    assert {one.limit for one in evaluate(noise("here", at(12), 60.0), SITES, [], PACKS)} == {"noise_day"}


def test_a_permit_is_noted_at_its_site_and_the_limit_stays() -> None:
    permit = entry(
        CalendarKind.PERMIT, title="浇筑", site="at-here", begins="22:00", ends="06:00", document="7号"
    )
    reports = noise("here", at(23), 60.0) + noise("beside", at(23), 60.0)
    found = {one.device: one for one in evaluate(reports, SITES, [], PACKS, [permit])}
    assert [one.verdict for one in found.values()] == [Verdict.EXCEED, Verdict.EXCEED]
    assert found["here"].adjustments == ({"kind": "permit", "title": "浇筑", "document": "7号"},)
    assert found["beside"].adjustments == ()


def test_a_permit_does_not_speak_of_dust() -> None:
    dust = [Report("here", at(23) + n * MINUTE, {"tsp": 100.0}) for n in range(15)]
    permit = entry(CalendarKind.PERMIT, site="at-here")
    assert [one.adjustments for one in evaluate(dust, SITES, [], PACKS, [permit])] == [()]


def test_an_entry_that_comes_within_the_lateness_judges_again() -> None:
    engine = Engine(PACKS, SITES)
    engine.push(noise("here", at(12), 60.0))
    assert said(engine.advance(0, to_ms(at(12, 30)))) == {("here", "12:00", "noise_day", "pass")}
    exam = entry(area="3206", begins="12:00", ends="15:00")
    assert said(engine.update_calendar([exam])) == {("here", "12:00", "exam_noise", "exceed")}
    assert engine.update_calendar([exam]) == []
    permit = entry(CalendarKind.PERMIT, title="抢修", site="at-here", begins="12:00", ends="13:00")
    again = engine.update_calendar([exam, permit])
    assert {(one.limit, one.revision, len(one.adjustments)) for one in again} == {
        ("noise_day", 2, 1),
        ("exam_noise", 2, 2),
    }


SHEET = """类型,名称,行政区划代码,场所编号,开始日期,结束日期,开始时刻,结束时刻,文号
考试,高考,3206,,2026/6/7,2026-06-09,12:00,15:00,通告
夜间施工许可,浇筑,,w1,2026-06-01,2026-06-02,,,夜施7号
节日,春节,32,,2026年2月17日,2026-02-23,,,
"""


def test_a_sheet_of_the_calendar() -> None:
    read = read_calendar(SHEET.encode("gb18030"), "c.csv", {"w1"})
    assert read.faults == []
    exam, permit, festival = read.entries
    assert (exam.first_day, exam.begins, exam.ends, exam.document) == (DAY, "12:00", "15:00", "通告")
    assert (permit.site, permit.begins, permit.ends) == ("w1", "22:00", "06:00")
    assert (festival.begins, festival.ends, festival.area) == ("00:00", "24:00", "32")
    assert festival.first_day == date(2026, 2, 17)


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        ("考试,高考,,,2026-06-09,2026-06-07,,,", "结束日期", "days"),
        ("考试,高考,,,2026-13-01,2026-06-07,,,", "开始日期", "no day"),
        ("考试,高考,,,2026-06-07,2026-06-07,12:00,12:00,", "结束时刻", "no time between"),
        ("考试,高考,,,2026-06-07,2026-06-07,25:00,12:00,", "开始时刻", "no time of day"),
        ("考试,高考,320,,2026-06-07,2026-06-07,,,", "行政区划代码", "administrative code"),
        ("夜间施工许可,浇筑,3206,,2026-06-07,2026-06-07,,,", "场所编号", "one site"),
        ("夜间施工许可,浇筑,,w9,2026-06-07,2026-06-07,,,", "场所编号", "no site 'w9'"),
        ("假期,x,,,2026-06-07,2026-06-07,,,", "类型", "not known"),
        ("考试,,,,2026-06-07,2026-06-07,,,", "名称", "empty"),
    ],
)
def test_a_bad_row_is_named_with_its_remedy(row: str, column: str, problem: str) -> None:
    read = read_calendar((SHEET.splitlines()[0] + "\n" + row + "\n").encode(), "c.csv", {"w1"})
    (fault,) = read.faults
    assert (fault.row, fault.column, read.entries) == (2, column, [])
    assert problem in fault.problem
    assert fault.remedy


def test_a_sheet_without_its_headings_is_refused() -> None:
    with pytest.raises(ConfigError, match="headings"):
        read_calendar(b"a,b\n1,2\n", "c.csv", None)


def test_the_hours_of_an_entry_are_chinas() -> None:
    (start, _), *_ = entry(begins="08:00").spans()
    assert start == datetime(2026, 6, 7, 0, tzinfo=UTC)
