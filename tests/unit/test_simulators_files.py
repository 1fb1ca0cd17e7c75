"""Files of a span, the tally, and the command that writes them."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from app.commands.simulate import simulate
from domain.codec import decode_report
from domain.context import ContextValue
from domain.factors import FACTORS
from domain.instant import CHINA
from domain.register import City
from domain.site import Protocol
from simulators.city import build_city
from simulators.files import write_files
from simulators.plan import SCENARIOS
from simulators.publication import Held, Outcome, Publication
from simulators.stream import generate
from simulators.tally import Tally

START = datetime(2026, 11, 21, 18, tzinfo=CHINA)
END = START + timedelta(hours=1)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    write_files(build_city(2), SCENARIOS["demo"], START, END, seed=2, out=folder)
    return folder


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def test_reports_are_those_that_ingest_would_pass_on(out: Path) -> None:
    reports = [decode_report(line) for line in lines(out / "reports.jsonl")]
    stream = generate(build_city(2), SCENARIOS["demo"], START, END, 2)
    kept = [r for p in stream if p.outcome is not Outcome.REJECTED for r in p.reports]
    assert [(r.device, r.seq) for r in reports] == [(r.device, r.seq) for r in kept]
    for report in reports:
        assert all(
            FACTORS[name].plausible(value) for name, value in report.readings.items() if not report.flags
        )


def test_the_other_files_can_be_read_back(out: Path) -> None:
    city = msgspec.json.decode((out / "register.json").read_bytes(), type=City)
    assert city == build_city(2)
    sites = json.loads((out / "sites.json").read_text())
    assert set(sites) == {m.device for m in city.monitors}
    assert set(next(iter(sites.values()))) == {
        "site",
        "kind",
        "area",
        "sensitive",
        "interval_s",
        "stoves",
        "phase",
    }
    context = [msgspec.json.decode(line, type=ContextValue) for line in lines(out / "context.jsonl")]
    assert [value.series for value in context] == ["city.pm10", "city.aqi"]


def test_the_truth_names_culprits_faults_and_windows(out: Path) -> None:
    truth = [json.loads(line) for line in lines(out / "truth.jsonl")]
    kinds = [item["truth"] for item in truth]
    assert kinds.count("culprit") == 17
    assert {"fault", "window"} <= set(kinds)
    culprits = {item["device"] for item in truth if item["truth"] == "culprit"}
    windows = [item for item in truth if item["truth"] == "window"]
    assert {item["device"] for item in windows} <= culprits
    assert all(item["value"] > item["limit"] for item in windows)


def test_the_same_seed_and_start_give_the_same_files(out: Path, tmp_path: Path) -> None:
    write_files(build_city(2), SCENARIOS["demo"], START, END, seed=2, out=tmp_path)
    for path in out.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def publication(outcome: Outcome, *ats: int, faults: tuple[str, ...] = ()) -> Publication:
    held = tuple(Held("d", at, 1, (), (), {}) for at in ats)
    return Publication("d", 0, Protocol.MQTT, "t", b"", outcome, held, faults)


def test_a_tally_counts_reports_and_keeps_the_good_ones(tmp_path: Path) -> None:
    tally = Tally()
    tally.settle(publication(Outcome.STORED, 1, 2, 3, faults=("late",)), confirmed=True)
    tally.settle(publication(Outcome.DUPLICATE, 3, faults=("doubled",)), confirmed=True)
    tally.settle(publication(Outcome.REJECTED, 4, faults=("cut",)), confirmed=True)
    tally.settle(publication(Outcome.STORED, 5), confirmed=False)
    tally.final = True
    file = tmp_path / "tally.json"
    tally.write(file)
    assert json.loads(file.read_text()) == {
        "final": True,
        "messages": 4,
        "reports": 6,
        "outcomes": {"stored": 3, "duplicate": 1, "rejected": 1},
        "faults": {"cut": 1, "doubled": 1, "late": 3},
        "doors": {"mqtt": 6},
        "unconfirmed": [["d", 5]],
        "published": {"d": 6},
        "good": {"d": [1, 2, 3]},
    }
    assert [path.name for path in tmp_path.iterdir()] == ["tally.json"]


def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(simulate)
    return app


def test_the_command_writes_files(tmp_path: Path) -> None:
    words = ["demo", "--start", "2026-11-21T12:00", "--for", "10m", "--out", str(tmp_path)]
    done = CliRunner().invoke(command(), words)
    assert done.exit_code == 0, done.output
    assert "2026-11-21T12:00:00+08:00" in done.stderr
    assert len(lines(tmp_path / "reports.jsonl")) > 600


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["elsewhere", "--out", "x"],
        ["--out", "x", "--mqtt", "mqtt://localhost"],
        ["--mqtt", "http://localhost"],
        ["--hj212", "localhost"],
        ["--out", "x", "--for", "long"],
        ["--out", "x", "--start", "yesterday"],
    ],
)
def test_wrong_use_is_exit_code_two_and_a_sentence(words: list[str]) -> None:
    done = CliRunner().invoke(command(), words)
    assert done.exit_code == 2
    assert done.stderr
    assert "Traceback" not in done.stderr
