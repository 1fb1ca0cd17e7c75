"""The stream of publications of a city, in the order in which they go out."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

import numpy as np

from domain.instant import to_ms
from domain.register import City, Monitor
from domain.site import Protocol, SiteKind
from domain.topics import Channel, mqtt_topic
from simulators import hj212_frame
from simulators.block import Block, FaultKind, behave
from simulators.cast import Cast, cast_of
from simulators.encode import Encoder, corrupt_json, cut_short, qn_texts
from simulators.faults import FaultRecord, inject, stranger_name
from simulators.plan import Scenario
from simulators.publication import Held, Outcome, Publication
from simulators.randomness import Bools, Ints, block_minutes, blocks

Observer = Callable[[Block, list[FaultRecord]], None]
"""Sees every hour of every kind of site after its faults: the ground truth."""

_CHUNK: Final = 2048
_KINDS: Final = tuple(FaultKind)
_AGAIN_MS: Final = 700
_STRANGER_MS: Final = 300
_REJECTED: Final = frozenset(
    {FaultKind.CORRUPT, FaultKind.CUT, FaultKind.FUTURE_CLOCK, FaultKind.UNKNOWN_DEVICE}
)


class _Part(NamedTuple):
    """One kind of site within an hour, ready to encode."""

    block: Block
    shown: Bools
    encoder: Encoder


class _Event(NamedTuple):
    """A publication that is still columns; ``sort`` is 0 first, 1 again, 2 by a stranger."""

    part: _Part
    device: int
    minute: int
    fault: FaultKind
    sort: int
    publish_ms: int
    kept_minutes: int

    @property
    def monitor(self) -> Monitor:
        """The device of the register that it comes from."""
        return self.part.block.cast.monitors[self.device]


def generate(
    city: City,
    scenario: Scenario,
    start: datetime,
    end: datetime | None,
    seed: int,
    *,
    observe: Observer = lambda _block, _records: None,
) -> Iterator[Publication]:
    """What the city's devices publish, in the order of publishing time.

    The same arguments give the same bytes. Behaviour and faults depend on absolute time
    only; ``seq`` starts at 1 with the first report from ``start`` on.

    Args:
        city: the register, from ``build_city``.
        scenario: air and faults.
        start: reports measured in the minute of ``start`` or later.
        end: nothing is published at or after it; never ends without.
        seed: of the whole simulation.
        observe: is shown each hour before its publications come.
    """
    first = to_ms(start) // 60_000 * 60_000
    last = None if end is None else to_ms(end)
    casts = [cast_of(city, kind, seed) for kind in SiteKind]
    numbers = [np.zeros(len(cast), dtype=np.int64) for cast in casts]
    for hour in blocks(first, last):
        parts = []
        for cast, number in zip(casts, numbers, strict=True):
            block = _hour(cast, scenario, seed, hour, observe)
            shown = _shown(block, first, last)
            seq = number[:, None] + np.cumsum(shown, axis=1)
            number[:] = seq[:, -1]
            parts.append(_Part(block, shown, Encoder(block, seq)))
        events = _events(parts, last)
        while chunk := list(islice(events, _CHUNK)):
            yield from _encode(chunk)


def _hour(cast: Cast, scenario: Scenario, seed: int, hour: int, observe: Observer) -> Block:
    block = behave(cast, seed, hour, scenario.pm10_level)
    observe(block, inject(block, scenario.faults, seed))
    return block


def _shown(block: Block, first: int, last: int | None) -> Bools:
    """Which reports are published at all within ``[first, last)``, shape (D, 60)."""
    shown: Bools = block.fault != FaultKind.LOST
    shown &= (block_minutes(block.hour) * 60_000 >= first)[None, :]
    if last is not None:
        shown &= _goes_out(block) < last
    return shown


def _goes_out(block: Block) -> Ints:
    """When each report is published, a late one with its carrier, shape (D, 60)."""
    return np.take_along_axis(block.publish_ms, block.carrier, axis=1)


def _events(parts: list[_Part], last: int | None) -> Iterator[_Event]:
    """All publications of one hour, merged over the kinds of sites."""
    tables = [_table(index, part.block, part.shown) for index, part in enumerate(parts)]
    table = np.concatenate(tables)
    if last is not None:
        table = table[table[:, 0] < last]
    order = np.lexsort((table[:, 3], table[:, 2], table[:, 1], table[:, 4], table[:, 0]))
    for start in range(0, len(order), _CHUNK):
        rows = table[order[start : start + _CHUNK]].tolist()
        for publish, index, device, minute, sort, fault, kept in rows:
            yield _Event(parts[index], device, minute, _KINDS[fault], sort, publish, kept)


def _table(index: int, block: Block, shown: Bools) -> Ints:
    """Rows (publish_ms, part, device, minute, sort, fault, kept minutes) of one part."""
    out = _goes_out(block)
    own = block.carrier == np.arange(shown.shape[1])[None, :]
    # On MQTT a backlog is one list; HJ 212 has a frame for each report.
    device, minute = np.nonzero(shown & (own | block.cast.hj212()[:, None]))
    rows = [_rows(block, out[device, minute], index, (device, minute), 0)]
    device, minute = np.nonzero(shown & (block.fault == FaultKind.DOUBLED))
    rows.append(_rows(block, out[device, minute] + _AGAIN_MS, index, (device, minute), 1))
    copied = np.array(block.strangers, dtype=np.int64).reshape(-1, 2)
    copied = copied[shown[copied[:, 0], copied[:, 1]]]
    device, minute = copied[:, 0], copied[:, 1]
    rows.append(_rows(block, out[device, minute] + _STRANGER_MS, index, (device, minute), 2))
    return np.concatenate(rows)


def _rows(block: Block, publish: Ints, index: int, at: tuple[Ints, Ints], sort: int) -> Ints:
    device, minute = at
    fault = block.fault[device, minute] if sort < 2 else np.full_like(publish, FaultKind.UNKNOWN_DEVICE)
    kept = block.carrier[device, minute] - minute
    part, sorts = np.full_like(publish, index), np.full_like(publish, sort)
    return np.stack([publish, part, device, minute, sorts, fault, kept], axis=1).astype(np.int64)


def _encode(chunk: list[_Event]) -> Iterator[Publication]:
    """Encode events in order; the frames' CRCs are computed together."""
    # A late frame's QN goes back a millisecond per report, so that no two are the same.
    stamps = [event.publish_ms - event.kept_minutes - (event.sort == 1) * _AGAIN_MS for event in chunk]
    names = qn_texts(np.array(stamps, dtype=np.int64))
    data: dict[int, tuple[bytes, Held]] = {}
    for index, (event, qn) in enumerate(zip(chunk, names, strict=True)):
        if event.monitor.protocol is Protocol.HJ212:
            encoder = event.part.encoder
            held = encoder.held(event.device, event.minute, _name(event))
            data[index] = (encoder.hj212(event.device, event.minute, held, qn), held)
    checksums = dict(zip(data, hj212_frame.crc_many([item for item, _ in data.values()]), strict=True))
    for index, event in enumerate(chunk):
        if index in data:
            yield _hj212(event, *data[index], checksums[index])
        else:
            yield _mqtt(event)


def _name(event: _Event) -> str:
    name = event.monitor.device
    return stranger_name(name) if event.fault is FaultKind.UNKNOWN_DEVICE else name


def _hj212(event: _Event, data: bytes, held: Held, checksum: int) -> Publication:
    payload = hj212_frame.frame(data, checksum)
    if event.fault is FaultKind.CORRUPT:
        payload = hj212_frame.frame(data, checksum ^ 0x5A5A)
    elif event.fault is FaultKind.CUT:
        payload = cut_short(payload)
    return _publication(event, Protocol.HJ212, "", payload, (held,))


def _mqtt(event: _Event) -> Publication:
    name = _name(event)
    minutes = [event.minute]
    if event.fault is FaultKind.LATE:
        part = event.part
        carried = (part.block.carrier[event.device] == event.minute) & part.shown[event.device]
        minutes = np.nonzero(carried)[0].tolist()
    encoder = event.part.encoder
    held = tuple(encoder.held(event.device, minute, name) for minute in minutes)
    texts = [encoder.json(event.device, minute, one) for minute, one in zip(minutes, held, strict=True)]
    payload = b"[" + b",".join(texts) + b"]" if event.fault is FaultKind.LATE else texts[0]
    if event.fault is FaultKind.CORRUPT:
        payload = corrupt_json(payload)
    elif event.fault is FaultKind.CUT:
        payload = cut_short(payload)
    return _publication(event, Protocol.MQTT, mqtt_topic(name, Channel.READINGS), payload, held)


def _publication(
    event: _Event, door: Protocol, topic: str, payload: bytes, held: tuple[Held, ...]
) -> Publication:
    outcome = Outcome.REJECTED if event.fault in _REJECTED else Outcome.STORED
    first_of_two = event.fault is FaultKind.DOUBLED and event.sort == 0
    return Publication(
        device=held[0].device,
        at_publish_ms=event.publish_ms,
        door=door,
        topic=topic,
        payload=payload,
        outcome=Outcome.DUPLICATE if event.sort == 1 else outcome,
        reports=held,
        faults=() if event.fault is FaultKind.NONE or first_of_two else (event.fault.label,),
    )
