"""``python -m benchmarks [NAME …]``: all of them, or those named; a name may carry ``:argument``."""

import asyncio
import importlib
import os
import platform
import sys

NAMES = ("engine", "stream", "hj212", "door", "writer", "ledger")
"""In the order in which they run. Not among them, because they take minutes: ``devices``, ``crowd``,
``latency``, ``backtest``."""


def main(words: list[str]) -> None:
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load before: {load}")
    for word in words or NAMES:
        name, *arguments = word.split(":")
        subject = importlib.import_module(f"benchmarks.{name}")
        print(f"\n{name}: {(subject.__doc__ or '').strip().splitlines()[0]}")
        done = subject.main(*map(int, arguments))
        if asyncio.iscoroutine(done):
            asyncio.run(done)


if __name__ == "__main__":
    main(sys.argv[1:])
