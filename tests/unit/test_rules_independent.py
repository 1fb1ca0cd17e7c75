"""``yanchen evaluate`` against a judge written from the design alone; ``make judge`` is the long run."""

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import judge_comparison
from tests.independent_judge import LIMITS, judge
from tests.judge_cases import case
from tests.judge_comparison import Ran, differences, limits

ROOT = Path(__file__).parents[2]
CASES = [case(seed) for seed in range(80)]


def as_a_process(arguments: list[str]) -> Ran:
    command = [sys.executable, "-m", "app.cli", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_two_judges_agree(tmp_path: Path, seed: int):
    assert differences(case(seed), tmp_path) == []


def test_the_command_as_a_process_agrees(tmp_path: Path):
    assert differences(next(one for one in CASES if len(one.sites) > 2), tmp_path, as_a_process) == []


@pytest.fixture(scope="module")
def reached() -> list[set[tuple[str, str, Decimal, str]]]:
    """Which limits and verdicts each case reaches."""
    return [
        {
            (found["standard"], found["factor"], found["limit_value"], found["verdict"])
            for found in judge(one.reports, one.sites, one.context, limits(one))[0]
        }
        for one in CASES
    ]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: f"{limit.standard} {limit.factor} {limit.value}")
def test_the_cases_reach_it_and_tell_when_it_is_off(limit, reached, tmp_path, monkeypatch):
    verdicts = {*("pass", "exceed", "invalid"), *(("indeterminate",) if limit.less else ())}
    wanted = {(limit.standard, limit.factor, limit.value, verdict) for verdict in verdicts}
    assert wanted <= set().union(*reached)
    wrong = replace(limit, value=limit.value - Decimal("0.005"))
    monkeypatch.setattr(judge_comparison, "LIMITS", [wrong if one is limit else one for one in LIMITS])
    touched = next(one for one, found in zip(CASES, reached, strict=True) if found & wanted)
    assert differences(touched, tmp_path)
