"""One way of measuring a process, and one of printing: the median of several runs, and their spread."""

import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True, slots=True)
class Took:
    """What something took: seconds by the clock, of a processor, and of a server's processes."""

    wall: float
    cpu: float
    server: float = 0.0


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def children_cpu_seconds(parent: int) -> float:
    """Processor time so far of a server's child processes, such as PostgreSQL's backends."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text("utf-8").split()
    return sum(cpu_seconds(int(child)) for child in children)


def memory_mb(pid: int) -> float:
    """Resident memory of a process now, MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1]) * _PAGE_MB


class Stopwatch:
    """Measures a process, this one by default, from its making to ``stop``."""

    def __init__(self, pid: int | None = None, server: int | None = None) -> None:
        self._pid = pid
        self._server = server
        self._served = self._server_now()
        self._cpu = self._cpu_now()
        self._wall = time.perf_counter()

    def stop(self) -> Took:
        """What it took."""
        wall, cpu = time.perf_counter() - self._wall, self._cpu_now() - self._cpu
        return Took(wall, cpu, self._server_now() - self._served)

    def _server_now(self) -> float:
        return 0.0 if self._server is None else children_cpu_seconds(self._server)

    def _cpu_now(self) -> float:
        if self._pid is not None:
            return cpu_seconds(self._pid)
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime


def tell(name: str, amount: int, unit: str, runs: Sequence[Took]) -> float:
    """Print the medians of several runs of the same amount of work; the median rate by the clock."""
    wall = [amount / took.wall for took in runs]
    cpu = [amount / took.cpu for took in runs if took.cpu]
    server = [amount / took.server for took in runs if took.server]
    print(
        f"  {name:40} {median(wall):9,.0f} {unit}/s by the clock ({min(wall):,.0f} to {max(wall):,.0f})"
        f"   {median(cpu) if cpu else 0:9,.0f} {unit}/s of a core"
        + (f"   {median(server):9,.0f} {unit}/s of the server's core" if server else "")
    )
    return median(wall)
