"""Standard packs: what ships, what wins, and what a wrong file says."""

from datetime import date

import pytest

from domain.errors import ConfigError
from domain.site import NoiseClass, Site, SiteKind
from rules.limits import Book
from rules.overlap import overlaps
from rules.pack import Pack, load_packs, optional_packs, parse_pack, standard_packs

DAY = date(2026, 11, 21)

GOOD = """
standard = "X 1-2026"
title = "t"
area = "3206"
kinds = ["restaurant"]
source = "s"
[[limit]]
id = "oil_fume"
factor = "oil_fume"
statistic = "mean"
window_minutes = 10
value = 1.5
unit = "mg/m³"
clause = "1"
mark = "product choice"
clause_mark = "product choice"
window_mark = "product choice"
"""

LAW = '{duty = "d", penalty = "p", mark = "m"}'


def restaurant(area: str = "320602") -> Site:
    return Site(site="r", kind=SiteKind.RESTAURANT, area=area)


def works(area: str = "320602", *, sensitive: bool = False) -> Site:
    return Site(site="w", kind=SiteKind.CONSTRUCTION, area=area, sensitive=sensitive)


def held(site: Site, day: date = DAY, packs: tuple[Pack, ...] | None = None) -> set[tuple[str, str, float]]:
    book = Book(packs or standard_packs())
    return {
        (limit.standard, limit.id, limit.value)
        for limits in book.holding(site, day).values()
        for limit in limits
    }


def test_the_packs_that_ship() -> None:
    assert [pack.standard for pack in standard_packs()] == [
        "DB11/1488-2018",
        "DB13/2934-2019",
        "DB31/844-2014",
        "DB32/4437-2022",
        "DB50/859-2018",
        "GB 12523-2011",
        "GB 12523-2025",
        "GB 18483-2001",
    ]


def test_what_ships_contradicts_itself_nowhere() -> None:
    assert list(overlaps(standard_packs())) == []
    for pack in optional_packs():
        assert load_packs([pack.file.removesuffix(".toml")])[-1].standard == pack.standard


def test_an_optional_pack_wins_where_it_is_asked_for() -> None:
    packs = load_packs(["szdb-z-254-2017"])
    assert {standard for standard, *_ in held(restaurant("440304"), packs=packs)} == {"SZDB/Z 254-2017"}
    assert {standard for standard, *_ in held(restaurant("440106"), packs=packs)} == {"GB 18483-2001"}


@pytest.mark.parametrize(
    ("stoves", "limits"),
    [
        (1, {("oil_fume_small", 1.5)}),
        (2.9, {("oil_fume_small", 1.5)}),
        (3, {("oil_fume_medium", 1.0)}),
        (5.99, {("oil_fume_medium", 1.0)}),
        (6, {("oil_fume_large", 1.0), ("nmhc_large", 10.0)}),
        (None, {("oil_fume_small", 1.5)}),  # the loosest; and others have no NMHC limit at all
        (0, {("oil_fume_small", 1.5)}),
    ],
)
def test_a_restaurants_size_decides(stoves: float | None, limits: set[tuple[str, float]]) -> None:
    site = Site(site="r", kind=SiteKind.RESTAURANT, area="410102", stoves=stoves)
    found = {(name, value) for _, name, value in held(site, packs=load_packs(["db41-1604-2018"]))}
    assert found == limits


@pytest.mark.parametrize(
    ("phase", "value"),
    [("土方", 800.0), ("拆除", 800.0), ("主体结构", 700.0), ("收尾", 800.0), (None, 800.0)],
)
def test_the_phase_of_construction_decides(phase: str | None, value: float) -> None:
    site = Site(site="w", kind=SiteKind.CONSTRUCTION, area="610102", phase=phase)
    assert [limit for *_, limit in held(site, packs=load_packs(["db61-1078-2017"]))] == [value]


@pytest.mark.parametrize(
    ("noise_class", "day", "night"),
    [
        ("0", 50, 40),
        ("1", 55, 45),
        ("2", 60, 50),
        ("3", 65, 55),
        ("4a", 70, 55),
        ("4b", 70, 55),
        (None, 70, 55),
    ],
)
def test_the_noise_class_decides(noise_class: str | None, day: float, night: float) -> None:
    own = NoiseClass(noise_class) if noise_class else None
    site = Site(site="r", kind=SiteKind.RESTAURANT, area="440304", noise_class=own)
    found = held(site, packs=load_packs(["gb22337-2008"]))
    assert sorted(value for standard, _, value in found if standard == "GB 22337-2008") == sorted(
        [day, night]
    )


def test_a_limit_may_begin_later_than_its_standard() -> None:
    assert held(restaurant("110101"), date(2019, 12, 31)) == {
        ("DB11/1488-2018", "oil_fume", 1.0),
        ("DB11/1488-2018", "fume_pm", 5.0),
    }
    assert ("DB11/1488-2018", "nmhc", 10.0) in held(restaurant("110101"), date(2020, 1, 1))


def test_two_packs_of_a_folder_may_not_claim_one_day(tmp_path) -> None:
    (tmp_path / "a.toml").write_text(GOOD, encoding="utf-8")
    second = tmp_path / "b.toml"
    second.write_text(GOOD.replace("X 1", "Y 1"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"'Y 1-2026' and 'X 1-2026' of .*a\.toml both limit oil_fume"):
        load_packs([str(tmp_path)])
    start = "in_force_from = 2026-01-01\n"
    end = "in_force_to = 2025-12-31\n"
    (tmp_path / "a.toml").write_text(end + GOOD, encoding="utf-8")
    second.write_text(start + GOOD.replace("X 1", "Y 1"), encoding="utf-8")
    assert held(restaurant(), packs=load_packs([str(tmp_path)])) == {("Y 1-2026", "oil_fume", 1.5)}


def test_the_national_limit_holds_where_the_province_has_none() -> None:
    assert held(restaurant("320602")) == {("GB 18483-2001", "oil_fume", 2.0)}


def test_the_most_specific_area_replaces_the_wider() -> None:
    assert held(restaurant("500103")) == {("DB50/859-2018", "oil_fume", 1.0), ("DB50/859-2018", "nmhc", 10.0)}


def test_a_local_standard_holds_only_from_its_date() -> None:
    assert held(restaurant("500103"), date(2018, 12, 31)) == {("GB 18483-2001", "oil_fume", 2.0)}


def test_dust_by_province() -> None:
    assert held(works("320602")) == {("DB32/4437-2022", "tsp", 500.0), ("DB32/4437-2022", "pm10", 80.0)}
    assert held(works("130102")) == {("DB13/2934-2019", "pm10", 80.0)}
    assert held(works("440304")) == set()


@pytest.mark.parametrize(
    ("day", "standard"),
    [(date(2025, 12, 31), "GB 12523-2011"), (date(2026, 1, 1), "GB 12523-2025")],
)
def test_noise_changes_standard_with_the_year_and_needs_sensitive_surroundings(
    day: date, standard: str
) -> None:
    noise = {
        (standard, "noise_day", 70.0),
        (standard, "noise_night", 55.0),
        (standard, "noise_night_max", 70.0),
    }
    assert held(works("440304", sensitive=True), day) == noise
    assert held(works("440304", sensitive=False), day) == set()


def test_noise_is_no_limit_of_restaurants() -> None:
    loud = Site(site="r", kind=SiteKind.RESTAURANT, area="440304", sensitive=True)
    assert held(loud) == {("GB 18483-2001", "oil_fume", 2.0)}


def test_the_optional_programme_wins_over_the_national_standard_only() -> None:
    packs = load_packs(["city-programme"])
    assert held(restaurant("320602"), packs=packs) == {
        ("city-programme", "oil_fume", 1.0),
        ("city-programme", "nmhc", 10.0),
    }
    assert {standard for standard, *_ in held(restaurant("500103"), packs=packs)} == {"DB50/859-2018"}


def test_a_citys_pack_is_added_from_a_file_or_a_folder(tmp_path) -> None:
    (tmp_path / "city.toml").write_text(GOOD, encoding="utf-8")
    for name in (tmp_path, tmp_path / "city.toml"):
        packs = load_packs([str(name)])
        assert held(restaurant("320602"), packs=packs) == {("X 1-2026", "oil_fume", 1.5)}
        assert held(restaurant("320102"), packs=packs) == {("GB 18483-2001", "oil_fume", 2.0)}


def test_of_equal_areas_the_later_pack_wins() -> None:
    first, second = parse_pack(GOOD, "a"), parse_pack(GOOD.replace("X 1", "Y 1"), "b")
    assert held(restaurant(), packs=(first, second)) == {("Y 1-2026", "oil_fume", 1.5)}
    assert held(restaurant(), packs=(second, first)) == {("X 1-2026", "oil_fume", 1.5)}


def test_a_city_may_shift_its_night() -> None:
    text = "\n".join(
        [
            GOOD.replace('"oil_fume"', '"noise"')
            .replace("mg/m³", "dB(A)")
            .replace('"mean"', '"energy_mean"')
            .replace("window_minutes = 10", 'window_minutes = 20\nperiod = "night"'),
            '[night]\nstart = "23:00"\nend = "07:00"',
        ]
    )
    ((limits),) = Book([parse_pack(text, "f")]).holding(restaurant(), DAY).values()
    assert limits[0].minutes == frozenset([*range(23 * 60, 1440), *range(7 * 60)])


def test_the_law_of_the_day_of_the_violation() -> None:
    pack = next(pack for pack in standard_packs() if pack.standard == "GB 18483-2001")
    before, after = pack.law_on(date(2026, 8, 14)), pack.law_on(date(2026, 8, 15))
    assert before is not None
    assert after is not None
    assert "大气污染防治法" in before.penalty
    assert "生态环境法典" in after.penalty


def test_two_a_day_is_data_for_those_who_count() -> None:
    limits = Book(standard_packs()).holding(works("130102"), DAY)
    assert [limit.allowed_per_day for (limit,) in limits.values()] == [2]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("value = 1.5", 'value = "high"', "limit[0].value: input should be a valid number"),
        ("value = 1.5", "", "limit[0].value: this key is missing; add it"),
        (
            "value = 1.5",
            "value = 1.5\nlimt = 2",
            "limit[0].limt: no such key; correct its spelling or remove it",
        ),
        ("value = 1.5", "value = 1.0000001", "more than 6 decimals"),
        ("mg/m³", "µg/m³", "write 'mg/m³'"),
        ('factor = "oil_fume"', 'factor = "oil"', "limit[0].factor: 'oil' is no factor; use one of oil_fume"),
        ("window_minutes = 10", "window_minutes = 7", "limit[0].window_minutes: 7 min do not divide the day"),
        ('area = "3206"', 'area = "Nantong"', "area: string should match"),
        ("[[limit]]", "[[limit", "not TOML"),
        (
            'title = "t"',
            'title = "t"\nnight = {start = "22:00", end = "05:00"}',
            "night: a night from 22:00 to 05:00",
        ),
        (
            'title = "t"',
            'title = "t"\nin_force_from = 2026-01-01\nin_force_to = 2025-01-01',
            "in_force_from is after in_force_to; swap them",
        ),
        ('title = "t"', 'title = "t"\nlaw = "fumes"', "law: 'fumes' is no subject of law; use one of fume"),
        (
            'title = "t"',
            f'title = "t"\nlaw = [{LAW}, {LAW}]',
            "law[0] and law[1] are both in force always; end one with in_force_to",
        ),
        ('clause = "1"', 'clause = "1"\nhours = ["8:00-9:00"]', "limit[0].hours[0]: string should match"),
        ('clause = "1"', 'clause = "1"\nhours = ["08:00-08:00"]', "08:00-08:00 is no time at all"),
        (
            'clause = "1"',
            'clause = "1"\nhours = ["08:00-09:00"]\nperiod = "day"',
            "period and hours both say when it holds; keep one",
        ),
        ('clause = "1"', 'clause = "1"\nsizes = ["huge"]', "limit[0].sizes[0]: input should be 'small'"),
        (
            'clause = "1"',
            'clause = "1"\nsizes = ["small"]\nphases = ["土方"]',
            "a limit depends on sizes, phases or noise_classes; keep one",
        ),
        ('statistic = "mean"', 'statistic = "median"', "limit[0].statistic: input should be 'mean'"),
        ('clause = "1"', 'clause = "1"\nadjustment = {kind = "wind"}', "limit[0].adjustment"),
        (
            'clause = "1"',
            'clause = "1"\nadjustment = {kind = "city_difference"}',
            "limit[0].adjustment.series: this key is missing; add it",
        ),
    ],
)
def test_a_wrong_pack_says_file_key_and_remedy_in_one_line(old: str, new: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_pack(GOOD.replace(old, new, 1), "city.toml")
    assert str(caught.value).startswith("city.toml: ")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_levels_have_no_arithmetic_mean() -> None:
    text = GOOD.replace('"oil_fume"', '"noise"').replace("mg/m³", "dB(A)")
    with pytest.raises(ConfigError, match="energy_mean"):
        parse_pack(text, "f")


def test_limit_ids_are_unique() -> None:
    with pytest.raises(ConfigError, match="'oil_fume' is there twice"):
        parse_pack(GOOD + GOOD[GOOD.index("[[limit]]") :], "f")


def test_one_clause_has_one_value_a_day() -> None:
    twice = GOOD + GOOD[GOOD.index("[[limit]]") :].replace('id = "oil_fume"', 'id = "other"').replace(
        "1.5", "1.2"
    )
    with pytest.raises(
        ConfigError, match="limits 'oil_fume' and 'other' are one clause with two values, always"
    ):
        parse_pack(twice, "f")
    dated = twice.replace('clause = "1"', 'clause = "1"\nin_force_to = 2026-12-31', 1)
    assert len(parse_pack(dated + "in_force_from = 2027-01-01\n", "f").limit) == 2


def test_a_city_file_is_no_pack() -> None:
    with pytest.raises(ConfigError, match="f: city: this is a city file"):
        parse_pack('city = "c"\narea = "3206"\nsource = "s"', "f")


def test_a_pack_that_is_not_there(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read as a pack"):
        load_packs([str(tmp_path / "nowhere.toml")])
    with pytest.raises(ConfigError, match=r"no \*.toml in this folder"):
        load_packs([str(tmp_path)])
