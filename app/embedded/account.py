"""The unprivileged user that servers run as when Yanchen itself runs as root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from domain.errors import ConfigError

_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine, as the password database knows it."""

    name: str
    uid: int
    gid: int


class Identity(TypedDict):
    """The arguments of a new child process that decide who it is."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


def identity(account: Account | None) -> Identity:
    """What makes a child run as `account`, in no group but its own; as ourselves where that is None."""
    if account is None:
        return {"user": None, "group": None, "extra_groups": None}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def unprivileged() -> Account | None:
    """The user to drop to, or None where we are not root and there is nothing to drop."""
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise ConfigError(
        f"PostgreSQL refuses to run as root and none of the users {', '.join(_CANDIDATES)} exists: "
        "run Yanchen as an ordinary user, or create one of them"
    )


def hand_over(folder: Path, account: Account | None) -> None:
    """Make `folder` and all below it belong to `account`; a folder it owns already is left alone."""
    if account is None or folder.stat().st_uid == account.uid:
        return
    for below in sorted(folder.rglob("*")):
        os.chown(below, account.uid, account.gid, follow_symlinks=False)
    # The folder itself comes last: it is the mark that all of the work was done.
    os.chown(folder, account.uid, account.gid)


def require_reachable(path: Path, account: Account | None, remedy: str) -> None:
    """Refuse early, with a remedy, where `account` cannot walk down to `path`.

    Raises:
        ConfigError: a folder on the way is closed to the account.
    """
    if account is None:
        return
    for folder in reversed(path.resolve().parents):
        if not may_enter(folder, account):
            raise ConfigError(f"{folder} is closed to the user {account.name}, who runs the server: {remedy}")


def may_enter(folder: Path, account: Account) -> bool:
    """Whether `account` may walk through `folder`, by the rights of owner, group and others."""
    status = folder.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == account.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)
