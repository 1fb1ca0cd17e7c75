"""A good device's latency while thousands of slow or rubbish connections are open.

    python -m benchmarks crowd[:connections[:seconds]]

Three processes on this machine, over 127.0.0.0/8: the gateway (which only forgets what it
publishes), the crowd, and a good device that sends a frame and waits for its 9014. Its round
trips are measured alone, with the crowd, and alone again: normal is the median of before and
after. Of the crowd a third is silent, a third sends a frame a few bytes at a time, a third
sends rubbish, is closed for it, and comes again. Everything ends by itself.
"""

import asyncio
import itertools
import random
import resource
import statistics
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from benchmarks.hj212 import NOW, REGISTER, data
from ingest.admission import Admitted
from ingest.gateway import Gateway
from ingest.hj212.answer import enclose

ADDRESSES = 20
EVERY_S = 5.0
"""Each of the crowd that is not silent writes so often."""

FRAMES_A_SECOND = 50


def allow_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def serve() -> None:
    """The gateway; ends when standard input does."""

    async def forget(_: Admitted) -> None:
        return

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    async with Gateway(forget, lambda: REGISTER, clock=lambda: NOW) as gateway:
        print(gateway.port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(gateway.connections, usage.ru_maxrss // 1024, usage.ru_utime + usage.ru_stime, flush=True)


async def one_of_the_crowd(port: int, number: int, connected: asyncio.Semaphore) -> None:
    rng = random.Random(number)
    frame = itertools.cycle(enclose(data(number).encode())[:-10])
    address = (f"127.0.1.{number % ADDRESSES + 1}", 0)
    while True:
        try:
            async with connected:
                _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=address)
            if number % 3 == 0:
                await asyncio.Event().wait()  # for ever
            while True:
                await asyncio.sleep(rng.uniform(0, 2 * EVERY_S))
                slow = bytes(itertools.islice(frame, 3))
                writer.write(slow if number % 3 == 1 else rng.randbytes(2_000) + b"##0100 ")
                await writer.drain()
        except OSError:
            await asyncio.sleep(rng.uniform(0, 2 * EVERY_S))


async def crowd(port: int, count: int) -> None:
    """The crowd; ends when standard input does."""
    connecting = asyncio.Semaphore(50)
    tasks = [asyncio.create_task(one_of_the_crowd(port, number, connecting)) for number in range(count)]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    for task in tasks:
        task.cancel()


async def round_trips(port: int, seconds: float) -> list[float]:
    """Milliseconds of the good device's round trips."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    loop = asyncio.get_running_loop()
    took = []
    for number in range(int(seconds * FRAMES_A_SECOND)):
        began = loop.time()
        writer.write(enclose(data(number * 100).encode()))
        await reader.readline()
        took.append((loop.time() - began) * 1000)
        await asyncio.sleep(1 / FRAMES_A_SECOND)
    writer.close()
    return took


def tell(name: str, took: Sequence[float]) -> None:
    p95, p99 = (statistics.quantiles(took, n=100)[at - 1] for at in (95, 99))
    print(f"{name:28} median {statistics.median(took):6.2f} ms   95 % {p95:6.2f} ms   99 % {p99:6.2f} ms")


async def part(*arguments: object) -> Process:
    words = [sys.executable, "-m", "benchmarks.crowd", *map(str, arguments)]
    return await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE)


async def measure(count: int, seconds: float) -> None:
    gateway = await part("serve")
    assert gateway.stdout is not None
    port = int(await gateway.stdout.readline())
    print(f"{count} connections from {ADDRESSES} addresses, {datetime.now(UTC):%Y-%m-%d}")
    before = await round_trips(port, seconds)
    tell("alone, before", before)
    others = await part("crowd", port, count)
    await asyncio.sleep(10 + count / 500)  # all are there
    tell("with the crowd", among := await round_trips(port, seconds))
    gateway.stdin.write(b"\n")  # type: ignore[union-attr]
    held, memory, cpu = (await gateway.stdout.readline()).split()
    print(
        f"the gateway held {int(held)} connections in {int(memory)} MB and used {float(cpu):.1f} s CPU in all"
    )
    others.stdin.close()  # type: ignore[union-attr]
    await others.wait()
    await gateway.wait()
    normal = statistics.median(before)
    print(f"median with the crowd / normal: {statistics.median(among) / normal:.2f}")


async def main(count: int = 10_000, seconds: int = 15) -> None:
    allow_files()
    await measure(count, seconds)


def be(words: Sequence[str]) -> None:
    """One of the processes that ``measure`` starts."""
    allow_files()
    match words:
        case ["serve"]:
            asyncio.run(serve())
        case ["crowd", port, count]:
            asyncio.run(crowd(int(port), int(count)))


if __name__ == "__main__":
    be(sys.argv[1:])
