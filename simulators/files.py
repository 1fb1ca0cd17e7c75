"""A simulated span as files, for judging without any server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from domain.codec import encode
from domain.factors import FACTORS
from domain.instant import from_ms, to_ms
from domain.register import City, Monitor, Place
from domain.report import Report
from domain.site import SiteKind
from simulators.background import context_series
from simulators.block import Block
from simulators.cast import cast_of
from simulators.faults import FaultRecord
from simulators.plan import Scenario
from simulators.publication import Held, Outcome, Publication
from simulators.stream import generate
from simulators.truth import culprits, over_limits


def write_files(
    city: City,
    scenario: Scenario,
    start: datetime,
    end: datetime,
    *,
    seed: int,
    out: Path,
    progress: Callable[[int], None] = lambda _at_ms: None,
) -> int:
    """Write a span of a city.

    ``reports.jsonl`` holds what the topic ``readings`` would (without what ingest adds),
    ``sites.json`` and ``context.jsonl`` what judging needs besides, ``register.json`` the
    city, ``truth.jsonl`` culprits, injected faults and windows over a yardstick.

    Returns:
        How many reports were published, rejected ones included.
    """
    out.mkdir(parents=True, exist_ok=True)
    first, last = to_ms(start), to_ms(end)
    _write_register(city, out)
    context = context_series(seed, scenario.pm10_level, first, last)
    (out / "context.jsonl").write_bytes(b"".join(msgspec.json.encode(value) + b"\n" for value in context))
    published = 0
    with ExitStack() as files:
        reports = files.enter_context((out / "reports.jsonl").open("wb"))
        truth = files.enter_context((out / "truth.jsonl").open("wb"))
        for kind in SiteKind:
            truth.writelines(_line(culprit) for culprit in culprits(cast_of(city, kind, seed)))
        places = {place.site: place for place in city.places}

        def observe(block: Block, records: list[FaultRecord]) -> None:
            truth.writelines(
                _line(item) for item in records if item.last_ms >= first and item.first_ms < last
            )
            sensitive = np.array([places[m.site].sensitive for m in block.cast.monitors], dtype=np.bool_)
            for window in over_limits(block, sensitive, seed, scenario.pm10_level):
                if window.start_ms >= first and window.start_ms + window.minutes * 60_000 <= last:
                    truth.write(_line(window))

        for publication in generate(city, scenario, start, end, seed, observe=observe):
            published += len(publication.reports)
            reports.writelines(_reports(publication))
            progress(publication.at_publish_ms)
    return published


def _reports(publication: Publication) -> Iterator[bytes]:
    if publication.outcome is Outcome.REJECTED:
        return
    for held in publication.reports:
        readings = held.readings()
        if publication.faults:
            readings = {name: value for name, value in readings.items() if _kept(held, name, value)}
        report = Report(
            device=held.device, at=from_ms(held.at_ms), readings=readings, flags=held.flags, seq=held.seq
        )
        yield encode(report) + b"\n"


def _kept(held: Held, name: str, value: float) -> bool:
    """Whether ingest keeps the reading: a flagged value need not be plausible."""
    return name in held.flags or FACTORS[name].plausible(value)


def _line(item: msgspec.Struct) -> bytes:
    return msgspec.json.encode(item) + b"\n"


def _write_register(city: City, out: Path) -> None:
    (out / "register.json").write_bytes(_pretty(city))
    places = {place.site: place for place in city.places}
    sites = {monitor.device: _site(monitor, places[monitor.site]) for monitor in city.monitors}
    (out / "sites.json").write_bytes(_pretty(sites))


def _pretty(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _site(monitor: Monitor, place: Place) -> dict[str, Any]:
    return {
        "site": place.site,
        "kind": place.kind,
        "area": place.area,
        "sensitive": place.sensitive,
        "interval_s": monitor.interval_s,
        "stoves": place.stoves,
        "phase": place.phase,
    }
