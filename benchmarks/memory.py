"""The highest memory of this process and of a server's, while something is done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def watched(server: int) -> AsyncIterator[None]:
    """Tell the highest memory of this process, and of a server's processes without what they share."""
    _forget_highest()
    most = 0.0

    async def look() -> None:
        nonlocal most
        while True:
            most = max(most, own_memory_mb(server))
            await asyncio.sleep(0.2)

    looking = asyncio.create_task(look())
    yield
    looking.cancel()
    print(f"  memory at most: {_status_mb('self', 'VmHWM'):.0f} MB here, {most:.0f} MB of the server's own")


def _forget_highest() -> None:
    Path("/proc/self/clear_refs").write_text("5", "utf-8")


def own_memory_mb(parent: int) -> float:
    """Memory that a server's child processes share with nobody, MiB."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text("utf-8").split()
    return sum(_status_mb(child, "RssAnon") for child in children)


def _status_mb(process: str, name: str) -> float:
    """A figure of a process, MiB; 0 for one that has just ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024
