"""Frames and payloads of invented devices, with what must become of them.

They were written from docs/hj212.md and docs/connect.md, with an encoder of their own, before
the decoder saw them. ``frame`` is text whose characters are bytes (latin-1).
"""

import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.commands.decode import decode_frames
from domain.report import Scope
from domain.site import Device, Protocol, Site, SiteKind
from ingest.admission import Bounds
from ingest.hj212.framer import Framer
from ingest.hj212.vendor_map import vendor_map
from ingest.mqtt_door import decode
from runtime.mqtt import Message

Case = dict[str, Any]

NOW = datetime.fromisoformat("2026-03-14T10:20:00+08:00")
SITE = Site(site="s", kind=SiteKind.CONSTRUCTION, area="320602")
REGISTER = {"d": Device(device="d", point_id=1, site=SITE, protocol=Protocol.MQTT)}


def cases(name: str) -> list[Case]:
    file = Path(__file__).parent / "unseen" / f"{name}.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


FRAMES = cases("hj212_frames")
PAYLOADS = cases("json_payloads")


@pytest.mark.parametrize("case", FRAMES, ids=lambda case: case["note"])
def test_frames(case: Case):
    line = json.dumps({"frame": case["frame"]}).encode()
    said = list(decode_frames([line], vendor_map(case.get("vendor"))))
    assert len(said) == len(case["expect"]), said
    for one, expected in zip(said, case["expect"], strict=True):
        assert {name: one.get(name) for name in expected} == expected, one
        assert one["ok"] or one["detail"]


@pytest.mark.parametrize("seed", range(5))
def test_a_stream_of_them_cut_anywhere_is_the_same_stream(seed: int):
    dice = random.Random(seed)
    frames = [case["frame"].encode("latin-1") + b"\r\n" for case in FRAMES]
    dice.shuffle(frames)
    stream = b"".join(frames)
    whole, piecewise = Framer(), Framer()
    expected = [*whole.feed(stream), *whole.flush()]
    found, at = [], 0
    while at < len(stream):
        size = dice.choice((1, 2, 7, 60, 536, 1460, 8192))
        found += piecewise.feed(stream[at : at + size])
        at += size
    assert [*found, *piecewise.flush()] == expected


@pytest.mark.parametrize("case", PAYLOADS, ids=lambda case: case["note"])
def test_payloads(case: Case):
    payload = case["payload"].encode(case.get("encoding", "utf-8"))
    became = decode(Message("yanchen/v1/d/readings", payload, NOW), REGISTER, Bounds(), 1 << 20)
    refused = sorted([letter.reason.value, *letter.factors] for letter in became.rejected)
    assert [report.readings for report in became.reports] == case["stored"]
    assert refused == sorted(case["refused"])
    for letter in became.rejected:
        assert letter.detail
        assert letter.payload in payload, "the bytes as they came"
        assert (letter.scope is Scope.READING) == bool(letter.factors)
