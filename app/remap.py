"""Remapping: readings whose codes nobody knew when they came, published once their vendor map knows them.

A stored report keeps its codes and their texts (``reports.raw``). They are decoded again by the maps of
now, and the factors that the store does not have go to Kafka as a further report of that device and
instant. The writer adds them to what is there; the first stored wins, so nothing is changed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app.embedded.process import wait_until
from domain.errors import Unavailable
from domain.factors import FACTORS
from domain.report import Source
from domain.site import Device
from domain.topics import READINGS
from ingest.admission import Admitted, Bounds, Candidate, Inbound, admit
from ingest.hj212.decode import decode_told
from ingest.hj212.vendor_map import vendor_map
from ingest.writer import CONSUMER
from runtime.database import Pool, transaction
from runtime.kafka import log_end
from runtime.offsets import done_offsets
from runtime.settings import Kafka

Publish = Callable[[Admitted], Awaitable[None]]

_AT_ONCE: Final = 1000
_WRITER_S: Final = 60.0
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtext('remap'))"
_KEPT: Final = """
    SELECT r.at, r.received_at, r.source, r.raw, ARRAY(
        SELECT factor FROM readings WHERE point_id = r.point_id AND at = r.at AND factor = ANY(%(factors)s)
    ) AS stored
    FROM reports r
    WHERE r.point_id = %(point)s AND r.at > %(after)s AND r.raw IS NOT NULL ORDER BY r.at LIMIT %(most)s
"""


def further(kept: Mapping[str, Any], device: Device, bounds: Bounds) -> Admitted:
    """What a stored report tells by the map of now beyond what is stored of it.

    Args:
        kept: at, received_at, source, raw, and the factors that are stored.
        device: whose report it is.
        bounds: how far a measuring time may lie from the time of receipt.

    Raises:
        ConfigError: the device's vendor is no map.
    """
    readings, flags = decode_told(kept["raw"], vendor_map(device.vendor))
    new = {factor: value for factor, value in readings.items() if factor not in kept["stored"]}
    if not new:
        return Admitted()
    received = Inbound(
        payload=b"",
        origin="reports",
        received_at=kept["received_at"],
        source=Source(kept["source"] or Source.HJ212),
    )
    candidate = Candidate(device=device.device, at=kept["at"], readings=new, flags=flags)
    return admit(candidate, received, {device.device: device}, bounds)


async def remap(
    pool: Pool, kafka: Kafka, publish: Publish, devices: Iterable[Device], *, bounds: Bounds, span: timedelta
) -> AsyncIterator[dict[str, Any]]:
    """Publish what the stored reports of these devices tell further; lines as ``told`` gives them.

    What is refused is told and stays where it is. One run at a time, each after the store has what
    was in the log: so nothing is published twice, but for a run that dies and begins anew.

    Raises:
        ConfigError: a device's vendor is no map.
        Unavailable: Kafka or the database is away, or the writer is.
    """
    since = datetime.now(UTC) - span
    async with transaction(pool) as turn:
        await turn.execute(_ONE_AT_A_TIME)
        await _wait_for_writer(pool, kafka)
        for device in devices:
            found: list[Admitted] = []
            async for page in _pages(pool, device, since):
                more = [further(kept, device, bounds) for kept in page]
                await publish(Admitted(tuple(report for one in more for report in one.reports)))
                found += more
            for line in told(device, found):
                yield line


def told(device: Device, found: Iterable[Admitted]) -> list[dict[str, Any]]:
    """For each factor how many readings are added, and for each reason how many reports are refused."""
    lines: dict[str, dict[str, Any]] = {}
    for one in found:
        for report in one.reports:
            for factor in report.readings:
                fresh = {"device": device.device, "factor": factor, "added": 0, "first": report.instant}
                line = lines.setdefault(factor, fresh)
                line |= {"added": line["added"] + 1, "last": report.instant}
        for letter in one.rejected:
            line = lines.setdefault(letter.reason, {"device": device.device, "refused": 0})
            line |= {"refused": line["refused"] + 1, "reason": letter.reason.value, "detail": letter.detail}
    return list(lines.values())


async def _wait_for_writer(pool: Pool, kafka: Kafka) -> None:
    """Wait until the store has what the log had just now, so that nothing is published twice.

    Raises:
        Unavailable: the writer does not get there within a minute.
    """
    end = await log_end(kafka, READINGS)

    async def written() -> bool:
        return await done_offsets(pool, CONSUMER, READINGS) >= end

    if not await wait_until(written, _WRITER_S):
        behind = end - await done_offsets(pool, CONSUMER, READINGS)
        raise Unavailable(f"the writer is {behind} reports behind; start it or wait, then try again")


async def _pages(pool: Pool, device: Device, since: datetime) -> AsyncIterator[list[dict[str, Any]]]:
    values = {"factors": list(FACTORS), "point": device.point_id, "after": since, "most": _AT_ONCE}
    while True:
        async with transaction(pool) as connection:
            page = list(await (await connection.execute(_KEPT, values)).fetchall())
        if not page:
            return
        yield page
        values["after"] = page[-1]["at"]
