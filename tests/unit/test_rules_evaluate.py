"""``yanchen evaluate``: what it prints where, and its exit codes."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from app.commands.evaluate import evaluate

command = typer.Typer()
command.command()(evaluate)

SITES = {"A": {"site": "a", "kind": "restaurant", "area": "320602", "sensitive": False, "interval_s": 60}}
FIELDS = [
    *(
        "device",
        "standard",
        "limit",
        "factor",
        "window_start",
        "window_end",
        "statistic",
        "value",
        "limit_value",
    ),
    *("unit", "verdict", "n_valid", "n_expected", "adjustments", "clause", "revision", "final"),
]


def line(minute: int, value: float = 3.0, device: str = "A", factor: str = "oil_fume") -> str:
    return json.dumps(
        {"device": device, "at": f"2026-11-21T04:{minute:02d}:00Z", "readings": {factor: value}}
    )


@pytest.fixture
def run(tmp_path: Path):
    def invoke(
        lines: list[str], *, sites=SITES, context: list[str] | None = None, stdin: bool = False
    ) -> Result:
        (tmp_path / "sites.json").write_text(json.dumps(sites), encoding="utf-8")
        (tmp_path / "reports.jsonl").write_text("\n".join(lines), encoding="utf-8")
        arguments = [
            "-" if stdin else str(tmp_path / "reports.jsonl"),
            "--site",
            str(tmp_path / "sites.json"),
        ]
        if context is not None:
            (tmp_path / "context.jsonl").write_text("\n".join(context), encoding="utf-8")
            arguments += ["--context", str(tmp_path / "context.jsonl")]
        return CliRunner().invoke(command, arguments, input="\n".join(lines) if stdin else None)

    return invoke


def test_one_line_per_evaluation_with_the_fields_of_the_design(run) -> None:
    result = run([line(minute) for minute in range(10)])
    assert (result.exit_code, result.stderr) == (0, "")  # an exceedance is a result
    (found,) = map(json.loads, result.stdout.splitlines())
    assert list(found) == FIELDS
    assert found["verdict"] == "exceed"
    assert (found["window_start"], found["window_end"]) == (
        "2026-11-21T12:00:00+08:00",
        "2026-11-21T12:10:00+08:00",
    )
    assert (found["revision"], found["final"]) == (1, True)


def test_standard_input_and_any_order(run) -> None:
    lines = [line(minute) for minute in range(10)]
    assert run(lines[::-1], stdin=True).stdout == run(lines).stdout


def test_a_device_without_a_site_is_one_error_and_the_rest_is_judged(run) -> None:
    result = run([line(minute, device=device) for minute in range(10) for device in "AB"])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "device 'B' is not in the sites file" in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_a_malformed_line_is_named_and_the_rest_is_judged(run) -> None:
    lines = [line(minute) for minute in range(10)]
    bad = ['{"device": "A"', json.dumps({"device": "A", "at": "2026-11-21 12:00", "readings": {}}), "", "[]"]
    result = run([*lines, *bad])
    assert result.exit_code == 1
    assert [text.split(": ")[1].rsplit(":", 1)[1] for text in result.stderr.splitlines()] == [
        "11",
        "12",
        "14",
    ]
    assert len(result.stdout.splitlines()) == 1


def test_times_that_are_no_milliseconds_are_refused(run) -> None:
    lines = [
        json.dumps({"device": "A", "at": at, "readings": {"oil_fume": 1}}) for at in (1763697600, 5 * 10**12)
    ]
    result = run(lines)
    assert result.exit_code == 1
    assert result.stderr.count("is it in milliseconds?") == 2


def test_unknown_factors_and_implausible_values_are_notes(run) -> None:
    result = run([line(minute) for minute in range(10)] + [line(0, factor="ozone"), line(12, -4.0)])
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "note: 'ozone' is no factor that Yanchen knows; its readings are ignored",
        "note: 1 readings of oil_fume outside 0 to 200 do not count",
    ]
    assert len(result.stdout.splitlines()) == 1


def test_bad_context_lines_are_errors(run) -> None:
    hour = {"series": "city.pm10", "area": "3206", "at": "2026-11-21T12:00:00+08:00"}
    result = run([line(0)], context=[json.dumps(hour | {"value": -999}), json.dumps(hour)])
    assert result.exit_code == 1
    assert "context.jsonl:1: city.pm10 = -999 is no figure" in result.stderr
    assert "context.jsonl:2: " in result.stderr


def test_a_series_that_no_limit_needs_is_a_note(run) -> None:
    hour = {"series": "city.pm1O", "area": "3206", "at": "2026-11-21T12:00:00+08:00", "value": 3}
    result = run([line(0)], context=[json.dumps(hour)])
    assert result.exit_code == 0
    assert "no limit needs the series 'city.pm1O'" in result.stderr


@pytest.mark.parametrize(
    ("sites", "sentence"),
    [
        ([], "SITES is one JSON object"),
        ({"A": {"area": "320602"}}, "device 'A': Object missing required field `kind`"),
        ({"A": {"kind": "restaurant"}}, "missing required field `area`"),
        ({"A": {"kind": "pub", "area": "320602"}}, "Invalid enum value 'pub'"),
        ({"A": {"kind": "restaurant", "area": "320602", "interval_s": 0}}, "device 'A'"),
    ],
)
def test_wrong_sites_are_wrong_use(run, sites, sentence: str) -> None:
    result = run([line(0)], sites=sites)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_defaults_of_a_site(run) -> None:
    result = run(
        [line(minute) for minute in range(10)], sites={"A": {"kind": "restaurant", "area": "320602"}}
    )
    assert json.loads(result.stdout)["n_expected"] == 10


def test_an_unknown_key_of_a_site_is_a_note(run) -> None:
    result = run([line(0)], sites={"A": SITES["A"] | {"sensitiv": True}})
    assert "the key 'sensitiv' is ignored" in result.stderr
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.jsonl"], "no sites: give --site FILE"),
        (["nowhere.jsonl", "--site", "nowhere.json"], "nowhere.json: No such file"),
        (["nowhere.jsonl", "--sites", "SITES"], "nowhere.jsonl: No such file"),
        (["nowhere.jsonl", "--site", "SITES", "--context", "no.jsonl"], "no.jsonl: No such file"),
        (["nowhere.jsonl", "--site", "SITES", "--packs", "no.toml"], "no.toml: cannot be read as a pack"),
    ],
)
def test_missing_files_are_wrong_use(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    (tmp_path / "sites.json").write_text(json.dumps(SITES), encoding="utf-8")
    real = [str(tmp_path / "sites.json") if word == "SITES" else word for word in arguments]
    result = CliRunner().invoke(command, real)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_an_empty_record_has_no_evaluations(run) -> None:
    result = run([])
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_sheet_of_the_calendar_is_read_and_its_bad_rows_are_named(tmp_path: Path) -> None:
    sites = {"w": {"site": "w1", "kind": "construction", "area": "320602", "sensitive": True}}
    (tmp_path / "sites.json").write_text(json.dumps(sites), encoding="utf-8")
    lines = [line(minute, 60.0, "w", "noise") for minute in range(20)]
    (tmp_path / "reports.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "calendar.csv").write_text(
        "kind,title,site,first_day,last_day,begins,ends\n"
        "permit,pour,w1,2026-11-21,2026-11-21,12:00,13:00\npermit,pour,w2,2026-11-21,2026-11-21,,\n",
        encoding="utf-8",
    )
    files = [str(tmp_path / name) for name in ("reports.jsonl", "sites.json", "calendar.csv")]
    result = CliRunner().invoke(command, [files[0], "--site", files[1], "--calendar", files[2]])
    assert result.exit_code == 1
    assert "row 3, site: there is no site 'w2'" in result.stderr
    assert json.loads(result.stdout)["adjustments"] == [{"kind": "permit", "title": "pour", "document": ""}]
