"""Documents that must not outlive the code."""

import re
from pathlib import Path

import pytest

from app.commands.settings import page

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


def test_the_page_of_settings_is_what_the_command_prints() -> None:
    assert (ROOT / "docs/settings.md").read_text("utf-8") == page(), "yanchen settings > docs/settings.md"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", path.read_text("utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_every_command_of_the_readme_exists() -> None:
    from app.cli import cli  # noqa: PLC0415 - the shell imports everything

    known = {command.name or command.callback.__name__ for command in cli.registered_commands}  # type: ignore[union-attr]
    known |= {group.name for group in cli.registered_groups}
    for name in ("README.md", "README.zh-CN.md"):
        table = re.findall(r"^\| `yanchen ([a-z-]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE)
        assert set(table) <= known


def test_both_readmes_say_the_two_commands() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        text = (ROOT / name).read_text("utf-8")
        assert "make demo" in text
        assert "make test" in text
