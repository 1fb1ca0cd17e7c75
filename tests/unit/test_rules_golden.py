"""One small record per pack, judged as ``yanchen evaluate`` does; docs/packs.md explains each."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.commands.evaluate import evaluate
from rules.pack import optional_packs, standard_packs

GOLDEN = Path(__file__).parent / "golden"
EXAMPLE = Path(__file__).parents[2] / "docs" / "city-example.toml"
OPTIONAL = {pack.file.removesuffix(".toml") for pack in optional_packs()}

command = typer.Typer()
command.command()(evaluate)


@pytest.mark.parametrize("case", sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir()))
def test_golden(case: str) -> None:
    folder = GOLDEN / case
    packs = ["--packs", case] if case in OPTIONAL else []
    if case == "city-file":
        packs = ["--packs", str(EXAMPLE)]
    arguments = ["--site", folder / "sites.json", "--context", folder / "context.jsonl", *packs]
    result = CliRunner().invoke(command, [str(folder / "reports.jsonl"), *map(str, arguments)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (folder / "expected.jsonl").read_text(encoding="utf-8")


def test_every_pack_has_a_record() -> None:
    named = {pack.file.removesuffix(".toml") for pack in (*standard_packs(), *optional_packs())}
    both_editions = {"gb12523-2011", "gb12523-2025"}
    records = {folder.name for folder in GOLDEN.iterdir()}
    assert named - both_editions == records - {"gb12523", "city-file"}
