"""``--set``: what it changes, and what it says when it cannot."""

import pytest

from domain.errors import ConfigError
from rules.change import changed_packs, parse_change
from rules.pack import standard_packs

PACKS = standard_packs()


def figures(*texts: str, window: int | None = None) -> dict[tuple[str, str], tuple[float, int, float]]:
    """(standard, limit) → value, window, share of what differs from today's packs."""
    changed = changed_packs(PACKS, [parse_change(text) for text in texts], window)
    return {
        (pack.standard, new.id): (new.value, new.window_minutes, new.valid_share)
        for old_pack, pack in zip(PACKS, changed, strict=True)
        for old, new in zip(old_pack.limit, pack.limit, strict=True)
        if old != new
    }


def test_a_factor_means_its_limit_in_every_pack() -> None:
    found = figures("oil_fume.limit=1.5")
    assert {standard for standard, _ in found} >= {"GB 18483-2001", "DB50/859-2018"}
    assert set(found.values()) == {(1.5, 10, 0.75)}


def test_a_standard_narrows_it() -> None:
    assert list(figures("GB 18483-2001:oil_fume.limit=1.0").values()) == [(1.0, 10, 0.75)]
    assert [standard for standard, _ in figures("DB32/4437-2022:pm10.limit=70")] == ["DB32/4437-2022"]


def test_an_id_means_one_of_several_limits_of_a_factor() -> None:
    assert {limit for _, limit in figures("noise_night.limit=50")} == {"noise_night"}


def test_the_share_can_be_set_and_several_changes_add_up() -> None:
    found = figures("GB 18483-2001:oil_fume.limit=1", "oil_fume.valid_share=0.5")
    assert found["GB 18483-2001", "oil_fume"] == (1.0, 10, 0.5)
    assert {share for _, _, share in found.values()} == {0.5}


def test_a_window_is_that_of_the_named_limits_or_of_all() -> None:
    assert set(figures("oil_fume.limit=1.5", window=15).values()) == {(1.5, 15, 0.75)}
    assert {minutes for _, minutes, _ in figures(window=30).values()} == {30}


def test_everything_else_stays() -> None:
    changed = changed_packs(PACKS, [parse_change("tsp.limit=400")])
    assert [pack.standard for pack in changed] == [pack.standard for pack in PACKS]
    (dust,) = [pack for pack in changed if pack.standard == "DB32/4437-2022"]
    (before,) = [pack for pack in PACKS if pack.standard == "DB32/4437-2022"]
    assert dust.limit[0].adjustment == before.limit[0].adjustment
    assert changed_packs(PACKS, []) == PACKS


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("oil_fume=1.0", "write NAME.limit=VALUE"),
        ("oil_fume.limit", "write NAME.limit=VALUE"),
        (".limit=1", "write NAME.limit=VALUE"),
        ("oil_fume.limt=1.0", "'limt' cannot be set; use limit or valid_share"),
        ("oil_fume.limit=one", "'one' is no number"),
    ],
)
def test_what_is_not_of_the_form_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=f"--set '{text}'.*{sentence}"):
        parse_change(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "oil_fum.limit=1.0",
            r"nothing limits 'oil_fum'; use a factor \(.*oil_fume.*\) or the id of a limit",
        ),
        ("temperature.limit=1.0", "nothing limits 'temperature'"),
        ("GB 1:oil_fume.limit=1.0", "no pack is 'GB 1'; there are .*GB 18483-2001"),
        ("DB50/859-2018:tsp.limit=1.0", "nothing limits 'tsp'"),
        ("noise.limit=60", "several limits of 'noise'; name one of noise_day, noise_night"),
        ("oil_fume.limit=1.0000001", "more than 6 decimals"),
        ("oil_fume.limit=nan", "changed:"),
        ("oil_fume.valid_share=2", "changed:"),
    ],
)
def test_what_no_pack_could_say_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        changed_packs(PACKS, [parse_change(text)])


def test_a_window_that_does_not_divide_the_day_is_refused() -> None:
    with pytest.raises(ConfigError, match="do not divide the day"):
        changed_packs(PACKS, [], 7)
