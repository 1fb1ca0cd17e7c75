"""The table of docs/hj212.md is what the decoder does; YANCHEN_UPDATE_DOCS=1 writes it anew."""

import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from domain.errors import Rejected
from ingest.hj212.decode import decode_frame
from ingest.hj212.frame import Refused
from ingest.hj212.framer import Framer

ROOT = Path(__file__).parents[2]
FRAMES = ROOT.parent / "shared" / "data" / "hj212_frames.jsonl"
PAGE = ROOT / "docs" / "hj212.md"
PLACE = re.compile(r"(?<=<!-- frames -->\n).*(?=<!-- /frames -->)", re.DOTALL)


def outcome(frame: str) -> tuple[str, str, str, str]:
    """Outcome, CRC rule, length rule, and what it says."""
    framer = Framer()
    (found,) = [*framer.feed(frame.encode()), *framer.flush()]
    if isinstance(found, Refused):
        return f"refused: `{found.reason}`", "", "", ""
    try:
        said = decode_frame(found)
    except Rejected as error:
        return f"refused: `{error.reason}`", found.crc_rule, found.length_rule, ""
    readings = " ".join(said.readings)
    return "ok", said.crc, found.length_rule, f"{said.command} {readings}".strip()


def table() -> str:
    lines = ["| # | kind | outcome | `crc` | length | command and factors |", "|---|---|---|---|---|---|"]
    counts: Counter[str] = Counter()
    for number, line in enumerate(FRAMES.read_text(encoding="utf-8").splitlines(), 1):
        sample = json.loads(line)
        result = outcome(sample["frame"])
        counts[result[0]] += 1
        lines.append(f"| {number} | {sample['kind']} | {' | '.join(result)} |")
    total = ", ".join(f"{count} {what}" for what, count in counts.most_common())
    return "\n".join([total + ".", "", *lines, ""])


@pytest.mark.skipif(not FRAMES.exists(), reason=f"the collected frames are not at {FRAMES}")
def test_the_table_is_current():
    page = PAGE.read_text(encoding="utf-8")
    current = PLACE.sub(lambda _: table(), page)
    if os.environ.get("YANCHEN_UPDATE_DOCS"):
        PAGE.write_text(current, encoding="utf-8")
    else:
        assert page == current
