"""Readings per second of the engine, beside a plain loop over readings, in one process and one run.

    python -m benchmarks engine[:devices[:minutes]]

Four figures, in processor time because the machine may be shared: from columns in memory, the same
with device health, from ``Report`` structs, and the loop from the same structs. The loop only sums per
window and compares; it knows no watermark, repeats or revisions and makes no evaluations.
"""

import gc
import time
from collections.abc import Callable
from datetime import datetime

import numpy as np

from domain.instant import CHINA, to_ms
from domain.report import Report
from domain.site import Site, SiteKind
from rules.columns import CODES, Columns
from rules.engine import Engine
from rules.health_pack import HealthPack, load_health
from rules.pack import standard_packs

START = to_ms(datetime(2026, 11, 21, 12, tzinfo=CHINA))
FACTORS = ("oil_fume", "nmhc", "fan_current")


def city(devices: int) -> dict[str, Site]:
    return {f"d{i}": Site(site=f"s{i}", kind=SiteKind.RESTAURANT, area="500103") for i in range(devices)}


def reports(devices: int, minute: int) -> list[Report]:
    rng = np.random.default_rng(minute)
    values = rng.uniform(0.2, 1.6, (devices, 3)).round(2).tolist()
    at = START + minute * 60_000
    return [
        Report(f"d{i}", at, {"oil_fume": fume, "nmhc": nmhc * 8, "fan_current": fan})
        for i, (fume, nmhc, fan) in enumerate(values)
    ]


def columns(devices: int, minute: int) -> Columns:
    rng = np.random.default_rng(minute)
    size = devices * len(FACTORS)
    at = np.full(size, START + minute * 60_000, np.int64)
    factor = np.tile(np.array([CODES[name] for name in FACTORS], np.int8), devices)
    device = np.repeat(np.arange(devices, dtype=np.int32), len(FACTORS))
    value = rng.uniform(0.2, 1.6, size).round(2)
    return Columns(device, at, at, factor, value, np.zeros(size, np.uint8))


def loop(batches: list[list[Report]]) -> int:
    sums: dict[tuple[str, str, int], list[float]] = {}
    limits = {"oil_fume": 1.0, "nmhc": 10.0}
    for batch in batches:
        for report in batch:
            at = report.at if isinstance(report.at, int) else to_ms(report.at)
            for factor, value in report.readings.items():
                if factor in limits and report.flags.get(factor, "N") == "N":
                    entry = sums.setdefault((report.device, factor, at // 600_000), [0.0, 0])
                    entry[0] += value
                    entry[1] += 1
    return sum(total / count > limits[key[1]] for key, (total, count) in sums.items())


def timed(name: str, readings: int, work: Callable[[], int]) -> None:
    gc.collect()
    gc.freeze()  # the inputs are not what is measured
    started = time.process_time()
    result = work()
    took = time.process_time() - started
    print(f"{name:38} {readings / took / 1e6:6.2f} million readings/s   {took:6.2f} s CPU   {result} results")


def engine_columns(sites: dict[str, Site], batches: list[Columns], health: HealthPack | None = None) -> int:
    engine = Engine(standard_packs(), sites, health_pack=health)
    for name in sites:
        engine.device_index(name)
    return sum(len(engine.push_columns(batch)) for batch in batches) + len(engine.finish())


def engine_reports(sites: dict[str, Site], batches: list[list[Report]]) -> int:
    engine = Engine(standard_packs(), sites)
    return sum(len(engine.push(batch)) for batch in batches) + len(engine.finish())


def main(devices: int = 5_000, minutes: int = 60) -> None:
    sites = city(devices)
    total = devices * minutes * len(FACTORS)
    print(f"{devices} devices, {minutes} min, {total} readings; evaluations provisional and final")
    ready = [columns(devices, minute) for minute in range(minutes)]
    timed("engine, columns in memory", total, lambda: engine_columns(sites, ready))
    timed("engine, columns, and device health", total, lambda: engine_columns(sites, ready, load_health()))
    structs = [reports(devices, minute) for minute in range(minutes)]
    timed("engine, reports", total, lambda: engine_reports(sites, structs))
    timed("plain loop, reports (no late data)", total, lambda: loop(structs))
