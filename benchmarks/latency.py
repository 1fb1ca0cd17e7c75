"""From a window's end to its evaluation on Kafka, beyond the grace, at a steady rate on the real servers.

    python -m benchmarks latency[:reports a second[:minutes]]

As many devices as reports a second, each with a report a second; a pack of the benchmark's own has windows
of a minute and the grace is 5 s, so that a run takes minutes. Both ends are Kafka's own appending times. A
window is due when its end and the grace have passed; the same is given from each device's last report in the
window, of which up to a second is the device's own pause.
"""

import asyncio
import time
from collections import defaultdict
from statistics import quantiles
from tempfile import NamedTemporaryFile

from app.fleet import Fleet
from benchmarks.figures import Stopwatch, tell
from benchmarks.town import servers
from domain.codec import decode_evaluation, decode_report, encode
from domain.instant import from_ms, to_ms
from domain.report import Report, Source
from domain.topics import EVALUATIONS, READINGS
from runtime.kafka import create_topics, open_producer, read_since
from runtime.settings import Kafka

GRACE_MS = 5_000
WINDOW_MS = 60_000
TICKS = 20
"""A second is published in so many parts."""
PACK = """
standard = "latency"
title = "windows of a minute"
area = "320602"
kinds = ["restaurant"]
source = "the benchmark"

[[limit]]
id = "oil_fume"
factor = "oil_fume"
statistic = "mean"
window_minutes = 1
value = 1.0
unit = "mg/m³"
clause = "none"
mark = "product choice"
clause_mark = "product choice"
window_mark = "product choice"
"""


async def main(rate: int = 2_000, minutes: int = 4) -> None:
    async with servers(rate) as (stack, env):
        kafka = Kafka(bootstrap=stack.endpoints.kafka_bootstrap)
        await create_topics(kafka)
        with NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as pack:
            pack.write(PACK)
            pack.flush()
            more = {
                "YANCHEN_RULES__PACKS": f'["{pack.name}"]',
                "YANCHEN_RULES__GRACE": f"PT{GRACE_MS // 1000}S",
            }
            async with Fleet({**env, **more}, stack.endpoints.logs, ["rules"]) as fleet:
                watch = Stopwatch(fleet.pid("rules"))
                sent = await publish(kafka, rate, minutes * 60 + 2 * GRACE_MS // 1000)
                took = watch.stop()
        print(f"  {rate} devices, {sent / took.wall:,.0f} reports/s for {took.wall:.0f} s")
        tell("rules process", sent, "reports", [took])
        await report(kafka)


async def publish(kafka: Kafka, rate: int, seconds: int) -> int:
    """A report of each device each second, by the clock; how many."""
    part = rate // TICKS
    begin = time.time()
    async with open_producer(kafka) as producer:
        for tick in range(seconds * TICKS):
            await asyncio.sleep(begin + tick / TICKS - time.time())
            now = from_ms(int(time.time() * 1000))
            first = tick % TICKS * part
            reports = [
                Report(
                    device=f"d{number:05}",
                    at=now,
                    readings={"oil_fume": 0.82, "fan_current": 3.1},
                    received_at=now,
                    source=Source.MQTT,
                )
                for number in range(first, first + part)
            ]
            await producer.publish(READINGS, [(one.device, encode(one)) for one in reports])
    return seconds * TICKS * part


async def report(kafka: Kafka) -> None:
    """Compare appending times, window by window."""
    last: dict[tuple[str, int], int] = defaultdict(int)
    due, own = [], []
    for partition in range(kafka.partitions):
        for record in await read_since(kafka, (READINGS, partition), 0):
            one = decode_report(record.value)
            last[one.device, to_ms(one.instant) // WINDOW_MS * WINDOW_MS] = record.appended_ms
    for partition in range(kafka.partitions):
        for record in await read_since(kafka, (EVALUATIONS, partition), 0):
            item = decode_evaluation(record.value)
            start = to_ms(item.window_start)
            due.append(record.appended_ms - start - WINDOW_MS - GRACE_MS)
            own.append(record.appended_ms - last[item.device, start] - GRACE_MS)
    print(f"  {len(due)} evaluations, none before it was due: {min(due) >= 0}")
    for name, found in (("after the window was due", due), ("after its last report and the grace", own)):
        cuts = quantiles(found, n=1000, method="inclusive")
        print(f"  {name:40} median {cuts[499]:.0f} ms, 99 % {cuts[989]:.0f} ms, at most {max(found)} ms")
