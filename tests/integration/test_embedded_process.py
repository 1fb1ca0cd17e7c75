"""A supervised child: started, asked, stopped, and never outliving us."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.embedded.process import Command, Process, descendants, wait_until
from domain.errors import Unavailable

SHELL = "/bin/sh"


def shell(script: str, folder: Path) -> Command:
    return Command("part", (SHELL, "-c", script), folder / "part.log")


def says(log: Path, word: str) -> Callable[[], Awaitable[bool]]:
    return lambda: asyncio.to_thread(lambda: word in log.read_text())


async def never() -> bool:
    return False


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}/exe").exists()


async def test_a_child_is_ready_when_it_says_so_and_stops_when_asked(tmp_path: Path) -> None:
    process = await Process.spawn(
        shell("trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done", tmp_path)
    )
    await process.wait_ready(says(tmp_path / "part.log", "up"), 10)

    await process.stop()

    assert not process.running


async def test_a_child_that_ends_is_reported_at_once_with_its_last_lines(tmp_path: Path) -> None:
    process = await Process.spawn(shell("echo no disk left >&2; exit 3", tmp_path))

    with pytest.raises(Unavailable, match=r"part did not start: ended with exit code 3") as caught:
        await process.wait_ready(never, 10)

    assert "no disk left" in str(caught.value)
    assert str(tmp_path / "part.log") in str(caught.value)


async def test_a_child_that_is_not_ready_in_time_is_reported(tmp_path: Path) -> None:
    process = await Process.spawn(shell("exec sleep 60", tmp_path))
    with pytest.raises(Unavailable, match="not ready within 0 s"):
        await process.wait_ready(never, 0.2)
    await process.kill()


async def test_a_missing_program_is_reported(tmp_path: Path) -> None:
    process = await Process.spawn(Command("part", ("/no/such/program",), tmp_path / "part.log"))
    with pytest.raises(Unavailable, match="cannot be run: No such file"):
        await process.wait_ready(never, 10)


async def test_a_deaf_child_is_made_to_stop(tmp_path: Path) -> None:
    process = await Process.spawn(shell("trap '' TERM; echo up; while :; do sleep 0.05; done", tmp_path))
    await process.wait_ready(says(tmp_path / "part.log", "up"), 10)

    await process.stop(within=0.2)

    assert not process.running


async def test_a_pulled_plug_takes_the_descendants_along(tmp_path: Path) -> None:
    process = await Process.spawn(shell("sleep 60 & sleep 60 & echo up; wait", tmp_path))
    await process.wait_ready(says(tmp_path / "part.log", "up"), 10)
    family = descendants(process.pid)
    assert len(family) == 2

    await process.kill()

    assert not any(runs(pid) for pid in family)


async def test_the_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    for word in ("first", "second"):
        process = await Process.spawn(shell(f"echo {word}; exec sleep 60", tmp_path))
        await process.wait_ready(says(tmp_path / "part.log", word), 10)
        await process.stop()
    assert (tmp_path / "part.log").read_text() == "second\n"
    assert (tmp_path / "part.log.1").read_text() == "first\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
async def test_a_child_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    script = """
import asyncio, sys
from pathlib import Path
from app.embedded.process import Command, Process

async def main():
    child = await Process.spawn(Command("part", ("/bin/sleep", "60"), Path(sys.argv[1]) / "part.log"))
    print(child.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, tmp_path, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    # Until it has become the program it was made for, it has not asked for the signal yet.
    assert await wait_until(says(Path(f"/proc/{child}/comm"), "sleep"), 10)

    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()

    assert await wait_until(lambda: asyncio.to_thread(lambda: not runs(child)), 10)
