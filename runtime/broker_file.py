"""The broker's password file on disk, and the word to the broker that it has changed."""

import asyncio
import os
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from domain.errors import ConfigError, Unavailable

_RELOAD_S: Final = 30.0

Reload = Callable[[], None]


def read_accounts(path: Path) -> str:
    """The file's text; empty where there is none yet.

    Raises:
        ConfigError: it is there and cannot be read.
    """
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}; it must be mosquitto's password file") from error


def write_accounts(path: Path, text: str) -> bool:
    """Put a new text in the file's place whole, for its owner's eyes only.

    The owner stays who it was: the broker reads the file under its own account.

    Returns:
        Whether anything was written; the same text is left alone.

    Raises:
        ConfigError: the folder or the file cannot be written.
    """
    fresh = path.with_name(path.name + ".new")
    try:
        before = path.stat() if path.exists() else None
        if before and path.read_text("utf-8") == text:
            return False
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if before and os.geteuid() == 0:
            os.chown(fresh, before.st_uid, before.st_gid)
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}; run this as the broker's user") from error
    return True


def reload_by_pid(pid: int | None, pid_file: Path | None) -> Reload:
    """Tells mosquitto by SIGHUP; a pid file is read anew each time."""

    def reload() -> None:
        try:
            number = pid if pid is not None else int((pid_file or Path()).read_text())
            os.kill(number, signal.SIGHUP)
        except (OSError, ValueError) as error:
            raise Unavailable(f"the broker could not be told of its new accounts: {error}") from error

    return reload


def reload_by_command(command: str) -> Reload:
    """Tells the broker by a command of the operator's, such as ``systemctl reload mosquitto``."""
    words = shlex.split(command)

    def reload() -> None:
        try:
            subprocess.run(words, check=True, capture_output=True, text=True, timeout=_RELOAD_S)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", None) or "").strip()
            raise Unavailable(f"{command!r} failed: {error} {said}".rstrip()) from error

    return reload


async def publish_accounts(path: Path, text: str, reload: Reload) -> bool:
    """Write the file and have the broker read it; it is told even if nothing was written.

    A run that died between the two would otherwise leave the broker with the old accounts.
    """
    written = await asyncio.to_thread(write_accounts, path, text)
    await asyncio.to_thread(reload)
    return written
