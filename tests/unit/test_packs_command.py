"""``yanchen packs``: list, show, check, explain, without a server."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.commands.packs import app
from app.pack_lines import told
from domain.errors import ConfigError
from domain.instant import CHINA
from domain.site import Site, SiteKind
from rules.explain import explain
from rules.pack import standard_packs

GOLDEN = Path(__file__).parent / "golden"
EXAMPLE = Path(__file__).parents[2] / "docs" / "city-example.toml"


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def explained(device: str, at: str, case: str, *packs: str) -> list[dict[str, Any]]:
    more = [word for name in packs for word in ("--packs", name)]
    return lines(run("explain", device, at, "--site", GOLDEN / case / "sites.json", *more))


def test_list_says_what_holds_and_what_is_optional() -> None:
    found = {line["standard"]: line["optional"] for line in lines(run("list"))}
    assert found["GB 18483-2001"] is False
    assert found["DB41/1604-2018"] is True
    assert len(found) == 20
    asked = {line["standard"]: line["optional"] for line in lines(run("list", "--packs", "db41-1604-2018"))}
    assert asked["DB41/1604-2018"] is False
    assert len(asked) == 20


def test_show_tells_limits_and_law_by_date() -> None:
    result = run("show", "DB31/964-2016")
    limits = [line for line in lines(result) if line["line"] == "limit"]
    assert [(line["value"], line["allowed_per_day"]) for line in limits] == [(2000.0, 1), (1000.0, 6)]
    laws = [line for line in lines(result) if line["line"] == "law"]
    assert [line["in_force"] for line in laws] == ["until 2026-08-14", "from 2026-08-15"]
    assert "December 2016" in result.stderr


def test_show_of_a_standard_that_nobody_has() -> None:
    assert isinstance(run("show", "GB 1").exception, ConfigError)


def test_check_prints_each_fault_and_says_so_by_its_exit_code(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(
        EXAMPLE.read_text("utf-8").replace("window_minutes = 20", "window_minutes = 7"), encoding="utf-8"
    )
    result = run("check", tmp_path)
    assert result.exit_code == 1
    assert lines(result) == [
        {
            "file": str(bad),
            "key": "pack[1].limit[0].window_minutes",
            "fault": "7 min do not divide the day; use a divisor of 1440, such as 10, 15, 20 or 60",
        }
    ]
    assert run("check", EXAMPLE).exit_code == 0


@pytest.mark.parametrize(
    ("at", "penalty"),
    [
        ("2026-08-14T23:59:59+08:00", "《大气污染防治法》第一百一十八条第一款"),
        ("2026-08-14T16:00:00+00:00", "《生态环境法典》第一千一百三十二条第一款"),  # midnight in China
    ],
)
def test_explain_tells_the_law_of_the_local_day(at: str, penalty: str) -> None:
    first = explained("kitchen", at, "gb18483-2001")[0]
    assert (first["holds"], first["standard"], first["penalty"]) == (True, "GB 18483-2001", penalty)
    assert first["fine"] == [5000, 50000]


def test_explain_says_why_each_other_candidate_lost() -> None:
    found = explained("two", "2026-11-21T12:00:00+08:00", "db37-597-2006", "db37-597-2006")
    why = {(line["standard"], line["limit"]): line["why"] for line in found}
    assert [line["limit"] for line in found if line["holds"]] == ["oil_fume_small"]
    assert why["GB 18483-2001", "oil_fume"].endswith("is for the narrower area 37")
    assert why["DB37/597-2006", "oil_fume_large"] == "it is for sizes large; the site is small"
    assert why["DB50/859-2018", "oil_fume"] == "for area 50, not 370102"
    unknown = explained("unknown", "2026-11-21T12:00:00+08:00", "db37-597-2006", "db37-597-2006")
    why = {line["limit"]: line["why"] for line in unknown if line["standard"] == "DB37/597-2006"}
    assert why["oil_fume_large"] == (
        "it is for sizes large; the register does not say its stoves, so the loosest holds (oil_fume_small)"
    )


@pytest.mark.parametrize(
    ("at", "holding"),
    [
        ("2026-11-21T22:59:00+08:00", ["noise_day"]),
        ("2026-11-21T23:00:00+08:00", ["noise_night", "noise_night_max"]),
        ("2027-06-08T13:10:00+08:00", ["noise_day", "quiet_hours"]),
    ],
)
def test_explain_knows_the_hour_and_the_citys_own_night(at: str, holding: list[str]) -> None:
    found = explained("yard", at, "city-file", str(EXAMPLE))
    held = sorted(line["limit"] for line in found if line["holds"] and "noise" in line["factor"])
    assert held == holding
    assert {line["enforcer"] for line in found if line["limit"] in holding and line["holds"]} == {
        "示例市城市管理局"
    }


def test_explain_names_the_standard_that_was_in_force() -> None:
    found = explained("yard", "2025-12-31T12:00:00+08:00", "city-file")
    why = {line["standard"]: line["why"] for line in found if line["limit"] == "noise_day"}
    assert why["GB 12523-2025"] == "in force from 2026-01-01"
    assert why["GB 12523-2011"].startswith("the narrowest that holds")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["kitchen", "2026-11-21T12:00:00"], "has no zone"),
        (["kitchen", "noon"], "is no instant"),
    ],
)
def test_explain_needs_an_instant(words: list[str], sentence: str) -> None:
    result = run("explain", *words, "--site", GOLDEN / "gb18483-2001" / "sites.json")
    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.replace("│", " ").split())


def test_explain_of_a_site_that_is_not_in_the_file() -> None:
    result = run(
        "explain", "nobody", "2026-11-21T12:00:00+08:00", "--site", GOLDEN / "gb18483-2001" / "sites.json"
    )
    assert isinstance(result.exception, ConfigError)
    assert "no device or site 'nobody'" in str(result.exception)


def test_on_a_terminal_what_holds_comes_with_its_law() -> None:
    kitchen = Site(site="k", kind=SiteKind.RESTAURANT, area="500103")
    at = datetime(2026, 8, 15, 12, 0, tzinfo=CHINA)
    shown = [text.plain for text in told(explain(standard_packs(), kitchen, at))]
    assert shown[0].startswith("✓ nmhc 10 mg/m³  DB50/859-2018 nmhc: the narrowest")
    assert "第一千一百三十二条第一款, 5000–50000 yuan" in shown[1]
    assert any(
        line.startswith("– oil_fume 2 mg/m³  GB 18483-2001 oil_fume: DB50/859-2018 of") for line in shown
    )
