"""A city file: its own packs, its night, who enforces; and what a wrong one says."""

from datetime import date
from pathlib import Path

import pytest

from domain.errors import ConfigError
from domain.site import Site, SiteKind
from rules.limits import Book, Limit
from rules.pack import Pack, allowances, check_packs, load_packs

EXAMPLE = Path(__file__).parents[2] / "docs" / "city-example.toml"
NIGHT = frozenset([*range(22 * 60, 1440), *range(6 * 60)])
LATER = frozenset([*range(23 * 60, 1440), *range(7 * 60)])
WORKS = Site(site="w", kind=SiteKind.CONSTRUCTION, area="320602", sensitive=True)
ELSEWHERE = Site(site="e", kind=SiteKind.CONSTRUCTION, area="320505", sensitive=True)

PACK = """
[[pack]]
standard = "programme"
title = "t"
kinds = ["construction"]
[[pack.limit]]
id = "noise_night"
factor = "noise"
period = "night"
statistic = "energy_mean"
window_minutes = 20
value = 50.0
unit = "dB(A)"
clause = "1"
mark = "product choice"
clause_mark = "product choice"
window_mark = "product choice"
"""
CITY = 'city = "c"\narea = "3206"\nsource = "s"\n'
NIGHT_FROM_23 = '[[night]]\nstart = "23:00"\nend = "07:00"\n'


def loaded(tmp_path: Path, text: str) -> tuple[Pack, ...]:
    path = tmp_path / "city.toml"
    path.write_text(text, encoding="utf-8")
    return load_packs([str(path)])


def holding(packs: tuple[Pack, ...], site: Site = WORKS, day: date = date(2026, 11, 21)) -> dict[str, Limit]:
    return {each.id: each for limits in Book(packs).holding(site, day).values() for each in limits}


def test_a_citys_night_moves_every_standard_there_and_nowhere_else(tmp_path: Path) -> None:
    packs = loaded(tmp_path, CITY + NIGHT_FROM_23)
    here, there = holding(packs)["noise_night"], holding(packs, ELSEWHERE)["noise_night"]
    assert (here.standard, here.minutes) == ("GB 12523-2025", LATER)
    assert (there.standard, there.minutes) == ("GB 12523-2025", NIGHT)
    earlier = holding(packs, day=date(2025, 12, 31))["noise_night"]
    assert (earlier.standard, earlier.minutes) == ("GB 12523-2011", LATER)


def test_a_night_begins_on_its_day(tmp_path: Path) -> None:
    packs = loaded(tmp_path, CITY + NIGHT_FROM_23 + "in_force_from = 2026-10-01\n")
    assert holding(packs, day=date(2026, 9, 30))["noise_night"].minutes == NIGHT
    assert holding(packs, day=date(2026, 10, 1))["noise_night"].minutes == LATER


def test_the_citys_own_pack_follows_its_night_unless_it_has_its_own(tmp_path: Path) -> None:
    follows = holding(loaded(tmp_path, CITY + NIGHT_FROM_23 + PACK))["noise_night"]
    assert (follows.standard, follows.minutes) == ("programme", LATER)
    own = PACK.replace("[[pack.limit]]", '[pack.night]\nstart = "21:00"\nend = "05:00"\n[[pack.limit]]')
    stays = holding(loaded(tmp_path, CITY + NIGHT_FROM_23 + own))["noise_night"]
    assert stays.minutes == frozenset([*range(21 * 60, 1440), *range(5 * 60)])


def test_a_district_of_the_city_follows_its_night(tmp_path: Path) -> None:
    text = CITY + NIGHT_FROM_23 + PACK.replace('title = "t"', 'title = "t"\narea = "320602"')
    assert holding(loaded(tmp_path, text))["noise_night"].minutes == LATER


def test_the_programme_and_the_quiet_hours_of_the_example() -> None:
    packs = load_packs([str(EXAMPLE)])
    kitchen = Site(site="k", kind=SiteKind.RESTAURANT, area="320602")
    assert {each.value for each in holding(packs, kitchen).values()} == {1.0, 10.0}
    assert holding(packs, kitchen, date(2027, 10, 1))["oil_fume"].standard == "GB 18483-2001"
    exam = holding(packs, day=date(2027, 6, 8))
    assert exam["quiet_hours"].minutes == frozenset([*range(12 * 60, 14 * 60), *range(20 * 60, 23 * 60)])
    assert {exam["noise_day"].standard, exam["noise_night"].standard} == {"GB 12523-2025"}
    assert "quiet_hours" not in holding(packs, day=date(2027, 6, 21))


def test_what_holds_beside_others_holds_once() -> None:
    found = Book(load_packs([str(EXAMPLE)])).holding(WORKS, date(2027, 6, 8))
    assert [each.id for limits in found.values() for each in limits].count("quiet_hours") == 1


def test_the_citys_enforcer_is_named_there(tmp_path: Path) -> None:
    packs = loaded(tmp_path, CITY + '[enforcer]\nconstruction_noise = "城管局"\n')
    (local,) = [pack for pack in packs if pack.standard == "GB 12523-2025" and pack.area == "3206"]
    law = local.law_on(date(2026, 8, 15))
    assert law is not None
    assert (law.enforcer, law.penalty) == ("城管局", "《生态环境法典》第一千一百八十五条")
    assert local.file == "gb12523-2025.toml (c)"


def test_without_a_city_file_the_packs_stay_in_order() -> None:
    assert [pack.standard for pack in load_packs()][-1] == "GB 18483-2001"


def test_n_a_day_survives_a_citys_copies(tmp_path: Path) -> None:
    text = CITY.replace("3206", "1301") + '[enforcer]\ndust = "城管局"\n'
    assert allowances(loaded(tmp_path, text)) == {("DB13/2934-2019", "pm10"): 2}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (CITY + "colour = 1", "colour: no such key"),
        (CITY.replace("source", "sauce") + PACK, "source: this key is missing; add it"),
        (CITY + '[enforcer]\nnoise = "x"', "enforcer: 'noise' is no subject of law; use one of fume, dust"),
        (CITY + NIGHT_FROM_23 + NIGHT_FROM_23, "night[0] and night[1] are both in force always"),
        (CITY + NIGHT_FROM_23.replace("07", "08"), "night[0]: a night from 23:00 to 08:00 is not 8 h"),
        (CITY + PACK.replace('"noise"', '"noize"'), "pack[0].limit[0].factor: 'noize' is no factor"),
        (CITY + PACK.replace('title = "t"', 'title = "t"\narea = "32"'), "outside the city's '3206'"),
        (CITY + PACK + PACK, "both limit noise in area '3206' always; end one with in_force_to"),
    ],
)
def test_a_wrong_city_file_says_where_and_what_to_do(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'city.toml'}: ")
    assert "\n" not in str(caught.value)


def test_what_holds_beside_a_standard_needs_its_own_name(tmp_path: Path) -> None:
    beside = PACK.replace('title = "t"', 'title = "t"\nbeside = true')
    assert holding(loaded(tmp_path, CITY + beside))["noise_night"].standard == "programme"
    with pytest.raises(ConfigError, match=r"'GB 12523-2025' has a limit 'noise_night' in gb12523-2025\.toml"):
        loaded(tmp_path, CITY + beside.replace("programme", "GB 12523-2025"))
    assert [fault.key for fault in check_packs(str(tmp_path))[1]] == ["standard"]


def test_two_city_files_of_one_folder_may_not_set_two_nights(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(CITY + NIGHT_FROM_23, encoding="utf-8")
    (fault,) = check_packs(str(tmp_path))[1]
    assert (fault.file, fault.key) == (str(tmp_path / "b.toml"), "night")


def test_check_tells_all_faults_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(CITY + "colour = 1\nshape = 2\n", encoding="utf-8")
    (tmp_path / "b.toml").write_text("[[limit", encoding="utf-8")
    (tmp_path / "c.toml").write_bytes(b"\xff")
    faults = check_packs(str(tmp_path))[1]
    assert [(Path(fault.file).name, fault.key) for fault in faults] == [
        ("a.toml", "colour"),
        ("a.toml", "shape"),
        ("b.toml", ""),
        ("c.toml", ""),
    ]
    with pytest.raises(ConfigError, match=r"and 3 more: yanchen packs check"):
        load_packs([str(tmp_path)])
