"""The build hook with an npm of our own in the path: what it accepts, and what it says."""

import importlib.util
import io
import stat
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("hatchling", reason="the build backend is not installed here")
    spec = importlib.util.spec_from_file_location("build_hook", ROOT / "build_hook.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "build_hook", module)
    spec.loader.exec_module(module)
    return module


def npm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def package(folder: Path) -> Path:
    archive = folder / "fake.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("dist/echarts.min.js", "LICENSE", "NOTICE"):
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    return archive


def test_it_takes_the_script_and_the_licence_once(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = package(tmp_path)
    monkeypatch.setattr(hook, "_check", lambda _archive: None)
    npm(tmp_path, f'echo "$@" >> {tmp_path}/called; cp {archive} "$4/x.tgz"', monkeypatch)
    vendor = tmp_path / "vendor"
    assert hook.fetch(vendor)
    assert not hook.fetch(vendor)
    assert (vendor / "echarts.min.js").read_text() == "dist/echarts.min.js"
    assert (vendor / "LICENSE").is_file()
    assert (tmp_path / "called").read_text().startswith(f"pack echarts@{hook.VERSION} ")


def test_another_package_is_refused(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = package(tmp_path)
    npm(tmp_path, f'cp {archive} "$4/x.tgz"', monkeypatch)
    with pytest.raises(hook.FetchFailed, match="sha512"):
        hook.fetch(tmp_path / "vendor")
    assert not (tmp_path / "vendor").exists()


def test_an_npm_that_reaches_nothing_is_quoted(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm(tmp_path, "echo no route to host >&2; exit 1", monkeypatch)
    with pytest.raises(hook.FetchFailed, match="no route to host") as caught:
        hook.fetch(tmp_path / "vendor")
    assert "npm view" in str(caught.value)
