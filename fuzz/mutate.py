"""Mutations of real frames and JSON payloads, half of each.

    python -m fuzz.mutate [inputs] [seed]

Ends with code 1 at the first input that breaks a promise, which is printed, or if memory grows.
"""

import random
import resource
import sys
import time
from collections.abc import Callable

from fuzz.check import check_frames, check_json
from fuzz.seeds import frames, payloads
from fuzz.wounds import mutated

MEMORY_GROWTH_MB = 64


def main(count: int = 1_000_000, seed: int = 212) -> None:
    """Check so many mutations; memory must not grow after the first tenth."""
    rng = random.Random(seed)
    kinds = ((check_frames, frames()), (check_json, payloads()))
    began, settled = time.monotonic(), 0
    for number in range(count):
        check, seeds = kinds[number % 2]
        one(check, mutated(rng.choice(seeds), seeds, rng))
        if number == count // 10:
            settled = _memory_mb()
    grown = _memory_mb() - settled
    took = time.monotonic() - began
    print(f"{count} mutations in {took:.0f} s; memory grew by {grown} MB after the first tenth")
    if grown > MEMORY_GROWTH_MB:
        sys.exit(f"memory grew by {grown} MB; at most {MEMORY_GROWTH_MB} are expected")


def one(check: Callable[[bytes], None], data: bytes) -> None:
    """Check an input; print it if it breaks a promise."""
    try:
        check(data)
    except BaseException:
        print(f"{check.__name__}({data!r})", file=sys.stderr)
        raise


def _memory_mb() -> int:
    """The most memory that the process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
