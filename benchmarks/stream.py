"""Through the real Kafka: readings → rules → evaluations; a core is one of this process.

    python -m benchmarks stream[:devices[:minutes[:runs]]]

The topic is filled first: a JSON report of four readings from each device and minute, two of them judged;
one in fifty comes twice, and one in fifty 15 minutes late, which is after its window closed.
Then the service's own loop reads it to the end with everything on: windows, repeats, lateness, revisions,
evaluations acknowledged before the place moves on. Beside it a plain loop on the same topic, which only
sums per window and compares, and Quix Streams with the same window and mean and nothing else, in a process
of its own and on fewer reports, because it is slow. Quix Streams is run by the Python that
``YANCHEN_QUIX_PYTHON`` names, else by this one, and left out where that has none.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks.figures import Stopwatch, Took, tell
from benchmarks.town import servers
from domain.codec import decode_report, encode
from domain.instant import to_ms
from domain.report import Report, Source
from domain.topics import EVALUATIONS, READINGS
from rules.service import CONSUMER, run_rules
from runtime.database import Pool, open_pool, transaction
from runtime.kafka import Place, Stream, create_topics, log_end, open_producer, open_stream
from runtime.offsets import done_offsets
from runtime.settings import Database, Kafka, Rules, Settings

AT = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=12)
PACK = "city-programme"
LIMITS = {"oil_fume": 1.0, "nmhc": 10.0}
LATENESS = timedelta(minutes=30)
"""Short, so that many windows of the run become final too."""
READINGS_EACH = 4
LATE_MINUTES = 15
QUIX_REPORTS = 100_000


async def main(devices: int = 5_000, minutes: int = 60, runs: int = 3) -> None:
    async with (
        servers(devices) as (stack, _env),
        open_pool(Database(url=stack.endpoints.database_url)) as pool,
    ):
        settings = Settings(
            kafka=Kafka(bootstrap=stack.endpoints.kafka_bootstrap),
            database=Database(url=stack.endpoints.database_url),
            rules=Rules(packs=(Path(PACK),), lateness=LATENESS),
        )
        await fill(settings.kafka, devices, minutes)
        sent = await log_end(settings.kafka, READINGS)
        rows = sent * READINGS_EACH
        ours, loop = [], []
        for _ in range(runs):  # in turns, so that the machine's moods meet both alike
            ours.append(await _rules(settings, pool))
            loop.append(await _loop(settings.kafka, sent))
        told = await log_end(settings.kafka, EVALUATIONS) // runs
        print(f"  {devices} devices, {minutes} min, {rows} readings; {told} evaluations published in a run")
        tell("rules", rows, "readings", ours)
        tell("plain loop: sums, no late data, no output", rows, "readings", loop)
        _quix(settings.kafka)


def report(number: int, minute: int, value: float) -> Report:
    at = AT + timedelta(minutes=minute, seconds=number % 60)
    return Report(
        device=f"d{number:05}",
        at=at,
        readings={
            "oil_fume": value,
            "nmhc": round(value * 6, 2),
            "fan_current": 3.1,
            "purifier_current": 2.2,
        },
        seq=minute,
        received_at=at + timedelta(microseconds=1_234_567),
        source=Source.MQTT,
    )


async def fill(kafka: Kafka, devices: int, minutes: int) -> None:
    """Minute after minute, a report of each device but those that are late, and of some of them again."""
    await create_topics(kafka)
    random = np.random.default_rng(7)
    held: dict[int, list[Report]] = {}
    async with open_producer(kafka) as producer:
        for minute in range(minutes):
            values = random.uniform(0.4, 1.5, devices).round(2).tolist()
            reports = [report(number, minute, value) for number, value in enumerate(values)]
            held[minute + LATE_MINUTES] = reports[minute % 50 :: 50]
            again = reports[(minute + 25) % 50 :: 50]
            in_time = [one for number, one in enumerate(reports) if number % 50 != minute % 50]
            sent = [*in_time, *again, *held.pop(minute, [])]
            await producer.publish(READINGS, [(one.device, encode(one)) for one in sent])


async def _rules(settings: Settings, pool: Pool) -> Took:
    """The service from its start to the end of the log, as if it had never run."""
    async with transaction(pool) as connection:
        await connection.execute("TRUNCATE stream_offsets")
    end = await log_end(settings.kafka, READINGS)
    watch = Stopwatch()
    judging = asyncio.create_task(run_rules(settings))
    while await done_offsets(pool, CONSUMER, READINGS) < end:
        await asyncio.wait([judging], timeout=0.2)
        if judging.done():
            judging.result()
    took = watch.stop()
    judging.cancel()
    await asyncio.wait([judging])
    return took


async def _loop(kafka: Kafka, reports: int) -> Took:
    async def from_the_beginning(_stream: Stream, _places: Iterable[Place]) -> Mapping[Place, int]:
        return {}

    sums: dict[tuple[str, str, int], list[float]] = {}
    async with open_stream(kafka, [READINGS], "loop", from_the_beginning) as stream:
        watch = Stopwatch()
        while reports:
            for records in (await stream.take(200, 20_000)).get(READINGS, {}).values():
                reports -= len(records)
                for record in records:
                    _add(decode_report(record.value), sums)
        exceeding = sum(total / count > LIMITS[key[1]] for key, (total, count) in sums.items())
        assert exceeding, "some values are above the limits"
        return watch.stop()


def _add(report: Report, sums: dict[tuple[str, str, int], list[float]]) -> None:
    window = to_ms(report.instant) // 600_000
    for factor, value in report.readings.items():
        if factor in LIMITS and report.flags.get(factor, "N") == "N":
            entry = sums.setdefault((report.device, factor, window), [0.0, 0])
            entry[0] += value
            entry[1] += 1


def _quix(kafka: Kafka) -> None:
    python = os.environ.get("YANCHEN_QUIX_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import quixstreams"], capture_output=True, check=False).returncode:
        print(
            "  Quix Streams: left out, not installed (pip install '.[bench]', or name a Python that has it)"
        )
        return
    words = [python, "-m", "benchmarks.quix_taker", kafka.bootstrap, READINGS, str(QUIX_REPORTS)]
    runs = [
        json.loads(subprocess.run(words, capture_output=True, check=True).stdout.splitlines()[-1])
        for _ in range(2)
    ]
    took = [Took(run["wall"], run["cpu"]) for run in runs]
    tell("Quix Streams: mean per window", QUIX_REPORTS * READINGS_EACH, "readings", took)
