"""Readings per second of the engine, beside a plain loop over readings, in one process and one run.

    python -m benchmarks engine[:devices[:minutes[:runs]]]

Rates are of processor time, because the machine may be shared: from columns in memory, from ``Report``
structs, and the loop from the same structs. The loop only sums per window and compares; it knows no
watermark, repeats or revisions and makes no evaluations. Then the same number of readings from 1 000 to
100 000 series, in batches of the same size, and the memory that a series needs once the engine holds
all the hours that late data may still change. A series is a device and one of its two judged factors;
the third factor of each report has no limit.
"""

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import datetime
from statistics import median

import numpy as np

from domain.instant import CHINA, to_ms
from domain.report import Report
from domain.site import Site, SiteKind
from rules.columns import CODES, Columns
from rules.engine import LATENESS_MS, Engine
from rules.health_pack import HealthPack, load_health
from rules.pack import standard_packs

START = to_ms(datetime(2026, 11, 21, 12, tzinfo=CHINA))
FACTORS = ("oil_fume", "nmhc", "fan_current")
JUDGED = 2
LIMITS = {"oil_fume": 1.0, "nmhc": 10.0}
BATCH = 60_000
MANY_SERIES = (1_000, 10_000, 100_000)
PACKS = standard_packs()


def main(devices: int = 5_000, minutes: int = 60, runs: int = 5) -> None:
    total = devices * minutes * len(FACTORS)
    print(f"  {devices} devices, {minutes} min, {total} readings; evaluations provisional and final")
    ready = [columns(devices, minute, 1) for minute in range(minutes)]
    structs = [reports(devices, minute) for minute in range(minutes)]
    kinds: dict[str, Callable[[], float]] = {
        "engine, columns in memory": lambda: judge_columns(devices, iter(ready)),
        "engine, columns, with device health": lambda: judge_columns(devices, iter(ready), load_health()),
        "engine, reports": lambda: judge_reports(devices, structs),
        "plain loop, reports (no late data)": lambda: loop(structs),
    }
    in_turns(kinds, total, runs)
    series = {
        f"{count} series, batches of {BATCH}": lambda count=count: judge_columns(
            count // JUDGED, batches(count // JUDGED, 50 * BATCH)
        )
        for count in MANY_SERIES
    }
    in_turns(series, 50 * BATCH, runs)
    memory(MANY_SERIES[1])


def in_turns(kinds: dict[str, Callable[[], float]], total: int, runs: int) -> None:
    """Run each kind in turn, so that the machine's moods meet all alike; print medians and spread."""
    took: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(runs):
        for name, work in kinds.items():
            gc.collect()
            gc.freeze()  # the inputs are not what is measured
            took[name].append(work())
    for name, seconds in took.items():
        low, middle, high = (total / one / 1e6 for one in (max(seconds), median(seconds), min(seconds)))
        print(f"  {name:38} {middle:6.2f} million readings/s of a core ({low:.2f} to {high:.2f})")


def memory(series: int) -> None:
    """What a series needs, while readings of the whole lateness are held."""
    devices, minutes = series // JUDGED, LATENESS_MS // 60_000 + 20
    gc.collect()
    tracemalloc.start()
    engine = made(devices)
    for batch in batches(devices, devices * minutes * len(FACTORS)):
        engine.push_columns(batch)
    del batch
    each = tracemalloc.get_traced_memory()[0] / series
    tracemalloc.stop()
    print(f"  memory: {each:,.0f} bytes a series, {minutes} readings of each held")


def made(devices: int, health: HealthPack | None = None) -> Engine:
    """An engine that knows its devices."""
    sites = {f"d{i}": Site(site=f"s{i}", kind=SiteKind.RESTAURANT, area="500103") for i in range(devices)}
    engine = Engine(PACKS, sites, health_pack=health)
    engine.device_numbers(sites)
    return engine


def judge_columns(devices: int, ready: Iterator[Columns], health: HealthPack | None = None) -> float:
    """Processor seconds of judging, without making the columns."""
    engine = made(devices, health)
    seconds = 0.0
    for batch in ready:
        started = time.process_time()
        engine.push_columns(batch)
        seconds += time.process_time() - started
    started = time.process_time()
    engine.finish()
    return seconds + time.process_time() - started


def judge_reports(devices: int, ready: list[list[Report]]) -> float:
    engine = made(devices)
    started = time.process_time()
    for batch in ready:
        engine.push(batch)
    engine.finish()
    return time.process_time() - started


def loop(ready: list[list[Report]]) -> float:
    sums: dict[tuple[str, str, int], list[float]] = {}
    started = time.process_time()
    for batch in ready:
        for report in batch:
            at = report.at if isinstance(report.at, int) else to_ms(report.at)
            for factor, value in report.readings.items():
                if factor in LIMITS and report.flags.get(factor, "N") == "N":
                    entry = sums.setdefault((report.device, factor, at // 600_000), [0.0, 0])
                    entry[0] += value
                    entry[1] += 1
    assert any(total / count > LIMITS[key[1]] for key, (total, count) in sums.items())
    return time.process_time() - started


def reports(devices: int, minute: int) -> list[Report]:
    rng = np.random.default_rng(minute)
    values = rng.uniform(0.2, 1.6, (devices, 3)).round(2).tolist()
    at = START + minute * 60_000
    return [
        Report(f"d{i}", at, {"oil_fume": fume, "nmhc": nmhc * 8, "fan_current": fan})
        for i, (fume, nmhc, fan) in enumerate(values)
    ]


def columns(devices: int, minute: int, minutes: int) -> Columns:
    """So many minutes from one on, each of all devices."""
    rng = np.random.default_rng(minute)
    size = devices * len(FACTORS)
    at = np.repeat(START + np.arange(minute, minute + minutes) * 60_000, size)
    factor = np.tile(np.array([CODES[name] for name in FACTORS], np.int8), devices * minutes)
    device = np.tile(np.repeat(np.arange(devices, dtype=np.int32), len(FACTORS)), minutes)
    value = rng.uniform(0.2, 1.6, size * minutes).round(2)
    return Columns(device, at, at, factor, value, np.zeros(size * minutes, np.uint8))


def batches(devices: int, total: int) -> Iterator[Columns]:
    """So many readings in batches of one size, whatever the number of devices."""
    size = devices * len(FACTORS)
    at_once = max(1, BATCH // size)
    for minute in range(0, total // size, at_once):
        whole = columns(devices, minute, at_once)
        for begin in range(0, len(whole), BATCH):
            part = slice(begin, begin + BATCH)
            yield Columns(
                whole.device[part],
                whole.at[part],
                whole.progress[part],
                whole.factor[part],
                whole.value[part],
                whole.flag[part],
            )
