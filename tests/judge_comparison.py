"""``yanchen evaluate`` held against the independent judge.

    python -m tests.judge_comparison [cases] [first]

Ends with code 1 at the first case on which they differ; its files are kept and named.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from typer.testing import CliRunner

from app.cli import cli
from tests.independent_judge import LIMITS, NATIONAL_FUME, PROGRAMME, Limit, judge
from tests.judge_cases import Case, case

FIELDS: Final = (
    *("device", "standard", "limit", "factor", "window_start", "window_end", "statistic", "value"),
    *(
        "limit_value",
        "unit",
        "verdict",
        "n_valid",
        "n_expected",
        "adjustments",
        "clause",
        "revision",
        "final",
    ),
)
SAME: Final = ("limit_value", "unit", "verdict", "n_valid", "n_expected", "revision", "final")
A_MILLIONTH: Final = Decimal("0.000001")

Key = tuple[str, str, str, str, datetime, datetime]


class Ran(NamedTuple):
    """What a run of the command left behind."""

    code: int
    stdout: str
    stderr: str


def in_process(arguments: list[str]) -> Ran:
    result = CliRunner().invoke(cli, arguments)
    return Ran(result.exit_code, result.stdout, result.stderr)


def differences(one: Case, folder: Path, run: Callable[[list[str]], Ran] = in_process) -> list[str]:
    """What Yanchen and the judge say differently of a case; its files are written into the folder."""
    ran = run(write(one, folder))
    judged, strangers = judge(one.reports, one.sites, one.context, limits(one))
    printed = [json.loads(line, parse_float=Decimal) for line in ran.stdout.splitlines()]
    return _complaints(ran.code, ran.stderr, strangers) + _compared(printed, judged)


def write(one: Case, folder: Path) -> list[str]:
    """The case as files, and the command that judges them."""
    (folder / "reports.jsonl").write_text("".join(f"{line}\n" for line in one.reports))
    (folder / "sites.json").write_text(json.dumps(one.sites))
    (folder / "context.jsonl").write_text("".join(f"{line}\n" for line in one.context))
    command = ["evaluate", str(folder / "reports.jsonl"), "--site", str(folder / "sites.json")]
    command += ["--context", str(folder / "context.jsonl")]
    return command + ["--packs", "city-programme"] * one.programme


def limits(one: Case) -> list[Limit]:
    """Those that hold: a programme takes the place of the national limit."""
    return [limit for limit in LIMITS if limit is not NATIONAL_FUME] + PROGRAMME if one.programme else LIMITS


def _complaints(code: int, errors: str, strangers: set[str]) -> list[str]:
    """One error line for each device without a site, and code 1 if there is one."""
    said = [line for line in errors.splitlines() if line.startswith("error")]
    if code != bool(strangers):
        return [f"exit code {code}, {errors}"]
    named = sorted(device for device in strangers if sum(repr(device) in line for line in said) == 1)
    return [] if named == sorted(strangers) and len(said) == len(named) else [f"said {said} of {strangers}"]


def _compared(printed: list[dict[str, Any]], judged: list[dict[str, Any]]) -> list[str]:
    ours, theirs = ({_key(one): one for one in side} for side in (printed, judged))
    if len(ours) != len(printed):
        return ["an evaluation was printed twice"]
    found = [f"only Yanchen: {key}" for key in sorted(ours.keys() - theirs.keys())]
    found += [f"only the judge: {key}" for key in sorted(theirs.keys() - ours.keys())]
    for key in sorted(ours.keys() & theirs.keys()):
        found += [f"{key}: {sentence}" for sentence in _unlike(ours[key], theirs[key])]
    return found


def _key(one: dict[str, Any]) -> Key:
    start, end = (
        datetime.fromisoformat(at) if isinstance(at, str) else at
        for at in (one["window_start"], one["window_end"])
    )
    return one["device"], one["standard"], one["factor"], one["statistic"], start, end


def _unlike(printed: dict[str, Any], judged: dict[str, Any]) -> list[str]:
    names = [name for name in SAME if printed[name] != judged[name]]
    found = [f"{name} {printed[name]}, by the judge {judged[name]}" for name in names]
    if tuple(printed) != FIELDS:
        found.append(f"fields {tuple(printed)}")
    if not _equal(printed["value"], judged["value"]):
        found.append(f"{printed['verdict']} at {printed['value']}, by the judge {judged['value']}")
    if bool(printed["adjustments"]) != judged["adjusted"]:
        found.append(
            f"adjustments {printed['adjustments']}, by the judge {judged['adjusted']} {judged['verdict']}"
        )
    if not (printed["clause"] and printed["limit"]):
        found.append("no clause or no limit")
    return found


def _equal(printed: Decimal | None, judged: Decimal | None) -> bool:
    if printed is None or judged is None:
        return printed is judged
    return abs(printed - judged) <= A_MILLIONTH


def main(count: int = 2_000, first: int = 0) -> None:
    """Compare so many cases."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="yanchen-judge-"))
    for seed in range(first, first + count):
        found = differences(case(seed), folder)
        if found:
            sys.exit("\n".join([f"case {seed}, kept in {folder}:", *found]))
    sys.stdout.write(f"{count} cases, no difference, {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
