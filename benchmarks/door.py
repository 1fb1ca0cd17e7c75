"""MQTT QoS 1 → Kafka acks=all → PUBACK, on the real servers; a core is one of the ingest process.

    python -m benchmarks door[:reports[:runs]]

Publishers and servers are other processes. The baseline is a paho client with ``manual_ack`` that
takes and acknowledges the same reports and does nothing else with them.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process

import msgspec

from app.embedded.process import wait_until
from app.embedded.stack import Endpoints, Stack
from app.fleet import Fleet
from benchmarks.figures import Stopwatch, Took, cpu_seconds, memory_mb, tell
from benchmarks.publisher import Job
from benchmarks.town import servers
from domain.topics import READINGS
from runtime.kafka import log_end
from runtime.settings import Kafka

LINES, WINDOW = 40, 250


async def main(reports: int = 100_000, runs: int = 3) -> None:
    each = reports // LINES
    async with servers(LINES) as (stack, env):
        async with Fleet(env, stack.endpoints.logs, ["ingest"]) as fleet:
            pid = fleet.pid("ingest")
            ours = [await _through_ingest(stack, pid, each) for _ in range(runs + 1)]  # the first warms up
            print(f"  ingest process: {memory_mb(pid):.0f} MB")
        tell("ingest: MQTT to Kafka, acknowledged", each * LINES, "reports", ours[1:])
        theirs = [await _through_paho(stack.endpoints, each) for _ in range(runs)]
        tell("paho: take and acknowledge, nothing else", each * LINES, "reports", theirs)


async def _through_ingest(stack: Stack, pid: int, each: int) -> Took:
    kafka = Kafka(bootstrap=stack.endpoints.kafka_bootstrap)
    expected = await log_end(kafka, READINGS) + each * LINES
    publisher = await start(job(stack.endpoints, each=each))
    watch = Stopwatch(pid)
    await begin(publisher)

    async def arrived() -> bool:
        return await log_end(kafka, READINGS) >= expected

    if not await wait_until(arrived, 120):
        raise SystemExit("not all reports came through")
    took = watch.stop()
    await publisher.communicate()
    return took


async def _through_paho(broker: Endpoints, each: int) -> Took:
    words = [broker.mqtt_host, str(broker.mqtt_port), broker.mqtt_user, broker.mqtt_password]
    taker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.paho_taker", *words, str(each * LINES), stdout=PIPE
    )
    assert taker.stdout is not None, "asked for"
    await taker.stdout.readline()  # subscribed
    publisher = await start(job(broker, each=each))
    before = cpu_seconds(taker.pid)
    watch = Stopwatch(taker.pid)
    await begin(publisher)
    await taker.stdout.readline()  # has taken all
    took = Took(watch.stop().wall, cpu_seconds(taker.pid) - before)
    taker.kill()
    await taker.wait()
    await publisher.communicate()
    return took


def job(broker: Endpoints, *, each: int) -> Job:
    """Publish as fast as it goes."""
    return Job(
        host=broker.mqtt_host,
        port=broker.mqtt_port,
        username=broker.mqtt_user,
        password=broker.mqtt_password,
        first=0,
        devices=LINES,
        reports=each,
        window=WINDOW,
    )


async def start(work: Job) -> Process:
    """A publisher in a process of its own, connected."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.publisher", stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None, "asked for"
    assert process.stdout is not None, "asked for"
    process.stdin.write(msgspec.json.encode(work) + b"\n")
    await process.stdin.drain()
    if (await process.stdout.readline()).strip() != b"connected":
        raise SystemExit("a publisher did not connect")
    return process


async def begin(process: Process) -> None:
    """Let a connected publisher publish."""
    assert process.stdin is not None, "asked for"
    process.stdin.write(b"begin\n")
    await process.stdin.drain()
