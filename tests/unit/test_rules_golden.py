"""One small record per pack, judged as ``yanchen evaluate`` does; docs/judging.md explains each line."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.commands.evaluate import evaluate

GOLDEN = Path(__file__).parent / "golden"

command = typer.Typer()
command.command()(evaluate)


@pytest.mark.parametrize("case", sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir()))
def test_golden(case: str) -> None:
    folder = GOLDEN / case
    packs = ["--packs", case] if case == "city-programme" else []
    arguments = ["--site", folder / "sites.json", "--context", folder / "context.jsonl", *packs]
    result = CliRunner().invoke(command, [str(folder / "reports.jsonl"), *map(str, arguments)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (folder / "expected.jsonl").read_text(encoding="utf-8")
