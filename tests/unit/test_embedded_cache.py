"""What is fetched is there whole or not at all."""

import threading
from pathlib import Path

import pytest

from app.embedded.cache import build_once, cache_dir


def test_a_folder_is_built_once(tmp_path: Path) -> None:
    calls: list[Path] = []

    def build(folder: Path) -> None:
        calls.append(folder)
        (folder / "program").write_text("x")

    for _ in range(2):
        assert (build_once(tmp_path / "cache" / "tool", build) / "program").read_text() == "x"
    assert len(calls) == 1


def test_a_build_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("the line went dead")

    with pytest.raises(OSError, match="went dead"):
        build_once(tmp_path / "tool", build)
    assert [path.name for path in tmp_path.iterdir()] == ["tool.lock"]


def test_two_at_once_build_once(tmp_path: Path) -> None:
    together = threading.Barrier(2)
    built: list[Path] = []

    def run() -> None:
        together.wait()
        build_once(tmp_path / "tool", built.append)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


def test_the_environment_names_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YANCHEN_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
