"""The folder where fetched programs are kept, each of them built once per machine."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

# The servers run as an unprivileged user when we are root, and root's home is closed to that user.
_SYSTEM_CACHE = Path("/var/cache/yanchen")


def cache_dir() -> Path:
    """Where fetched programs are kept: ``$YANCHEN_CACHE``, else the system's (root) or the user's cache."""
    if named := os.environ.get("YANCHEN_CACHE"):
        return Path(named).expanduser().resolve()
    if os.geteuid() == 0:
        return _SYSTEM_CACHE
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "yanchen"


def build_once(folder: Path, build: Callable[[Path], None]) -> Path:
    """Have `folder` filled by `build`, unless it is there already.

    The work is done in a temporary folder beside it and renamed at the end, under a lock file: a broken
    download leaves nothing behind, and two runs at once do the work once.

    Args:
        folder: the folder that must exist afterwards.
        build: fills the folder it is given.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _build(folder, build)
    return folder


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=folder.name + ".", dir=folder.parent))
    try:
        build(temporary)
        temporary.chmod(0o755)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
