"""One supervised child process: start, health check, clean stop. It only ever ends what it started."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.embedded.account import Account
from domain.errors import Unavailable

_POLL_SECONDS = 0.05
_LOG_TAIL_LINES = 15
_LEASH = Path(__file__).with_name("leash.py")


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and how to end it.

    Args:
        name: the part's name in messages.
        argv: program and arguments.
        log: where standard output and error go; the log of the run before is kept as ``*.1``.
        stop_signal: what asks for a clean stop, from us or, on Linux, from the kernel when we die.
        account: the user to run as, None for our own.
        env: variables added to our own environment.
        keep_open: file descriptors that the child holds open for as long as it lives.
    """

    name: str
    argv: Sequence[str | Path]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    account: Account | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    keep_open: tuple[int, ...] = ()


class Process:
    """A running child. Made by `spawn`."""

    def __init__(self, command: Command, child: asyncio.subprocess.Process) -> None:
        self.command = command
        self._child = child

    @classmethod
    async def spawn(cls, command: Command) -> "Process":
        """Start the child in a process group of its own, so that Ctrl-C reaches us and not it."""
        command.log.parent.mkdir(parents=True, exist_ok=True)
        if command.log.exists():
            command.log.replace(command.log.with_name(command.log.name + ".1"))
        with command.log.open("wb") as log:
            child = await asyncio.create_subprocess_exec(
                *_leashed(command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, **command.env},
                process_group=0,
                pass_fds=command.keep_open,
            )
        return cls(command, child)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the child has not ended yet."""
        return self._child.returncode is None

    async def wait_ready(self, ready: Callable[[], Awaitable[bool]], within: float) -> None:
        """Ask `ready` until it says yes.

        Raises:
            Unavailable: the child ended, or was not ready within `within` seconds; its log is quoted.
        """
        if await wait_until(lambda: self._ended_or(ready), within) and self.running:
            return
        reason = f"not ready within {within:.0f} s" if self.running else self._ending()
        raise Unavailable(f"{self.command.name} did not start: {reason}\n{quote(self.command.log)}")

    async def stop(self, within: float = 20) -> None:
        """Ask the child to end, and make it end if it has not within `within` seconds."""
        if not self.running:
            return
        self._send(self.command.stop_signal)
        try:
            await asyncio.wait_for(self._child.wait(), within)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Pull the plug: the child and all its descendants end at once, without a last word."""
        family = [self.pid, *descendants(self.pid)] if self.running else []
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self._child.wait()

        async def all_gone() -> bool:
            return not any(_alive(pid) for pid in family)

        await wait_until(all_gone, 10)

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(number)

    async def _ended_or(self, ready: Callable[[], Awaitable[bool]]) -> bool:
        return not self.running or await ready()

    def _ending(self) -> str:
        code = self._child.returncode or 0
        return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


async def wait_until(condition: Callable[[], Awaitable[bool]], within: float) -> bool:
    """Poll `condition` until it holds; False when it still does not after `within` seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while not await condition():  # noqa: ASYNC110 - what is awaited happens in another process
                await asyncio.sleep(_POLL_SECONDS)
            return True
    return False


def quote(log: Path) -> str:
    """The last lines of a log file with its path, for an error message."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
    except OSError:
        lines = []
    shown = "\n".join(f"  | {line}" for line in lines) or "  | (nothing)"
    return f"The last lines of {log}:\n{shown}"


def _alive(pid: int) -> bool:
    """Whether a process still runs; one that has ended and was not yet collected has no program any more."""
    return Path(f"/proc/{pid}/exe").exists()


def descendants(pid: int) -> list[int]:
    """The ids of all processes below `pid`; empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The command name in brackets may hold anything, so read from its end.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found.extend(children.get(one, []))
    return found[1:]


def _leashed(command: Command) -> list[str | Path]:
    """The command behind the small program that ties its life to ours."""
    who = command.account
    user, group = (-1, -1) if who is None else (who.uid, who.gid)
    numbers = map(str, (int(command.stop_signal), os.getpid(), user, group))
    return [sys.executable, "-I", "-S", _LEASH, *numbers, *command.argv]
