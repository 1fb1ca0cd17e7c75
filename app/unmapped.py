"""Codes that devices send and no vendor map knows: what an integrator maps next (then ``app.remap``)."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from ingest.hj212.door import CRC_RULE
from ingest.hj212.key import key
from ingest.hj212.vendor_map import vendor_map
from runtime.database import Pool, transaction

_KEYS: Final = """
    SELECT d.device, d.vendor, said.key, count(*) AS count, max(r.at) AS last_seen,
           (array_agg(said.value ORDER BY r.at DESC))[1] AS sample
    FROM reports r JOIN devices d USING (point_id) CROSS JOIN LATERAL jsonb_each_text(r.raw) said
    WHERE r.raw IS NOT NULL AND r.at >= now() - %(span)s
      AND (%(device)s::text IS NULL OR d.device = %(device)s)
    GROUP BY d.device, d.vendor, said.key ORDER BY d.device, said.key
"""


async def unmapped(pool: Pool, span: timedelta, device: str | None = None) -> list[dict[str, Any]]:
    """Device and code, how often the code came, its newest text and when that was measured."""
    async with transaction(pool) as connection:
        rows = await (await connection.execute(_KEYS, {"span": span, "device": device})).fetchall()
    return pick_unmapped(rows)


def pick_unmapped(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of keys as sent, those whose code is in no layer of their device's map, joined by code.

    Args:
        rows: device, vendor, key, count, last_seen, sample.

    Raises:
        ConfigError: a device's vendor is no map.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        _, code, suffix = key(row["key"].encode().decode("latin-1"))  # as its bytes came in a frame
        if suffix == "Flag" or code == "FLAG" or row["key"] == CRC_RULE or code in vendor_map(row["vendor"]):
            continue
        line = {name: row[name] for name in ("device", "vendor")} | {"code": code}
        line |= {name: row[name] for name in ("key", "count", "sample", "last_seen")}
        before = found.get((row["device"], code))
        if before is None or row["last_seen"] > before["last_seen"]:
            line["count"] = max(row["count"], before["count"] if before else 0)
            found[row["device"], code] = line
        else:
            before["count"] = max(row["count"], before["count"])
    return list(found.values())
