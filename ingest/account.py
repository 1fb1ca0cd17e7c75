"""The ledger's counts, in reports, written in the transaction of what they count."""

from collections.abc import Mapping
from typing import Final

from ingest.arrival import from_us
from runtime.database import Connection

_COUNT: Final = """
    INSERT INTO ledger AS kept (device, hour, stored, duplicate, rejected)
    SELECT * FROM unnest(%b::text[], %b::timestamptz[], %b::int[], %b::int[], %b::int[])
    ON CONFLICT (device, hour) DO UPDATE
    SET stored = kept.stored + excluded.stored, duplicate = kept.duplicate + excluded.duplicate,
        rejected = kept.rejected + excluded.rejected
"""


async def account(connection: Connection, counts: Mapping[tuple[str, int], tuple[int, int, int]]) -> None:
    """Add to the ledger.

    Args:
        connection: inside the transaction.
        counts: (device, hour in µs since 2000) → reports stored, come again, rejected.
    """
    places = sorted(counts)  # in one order, so that two writers wait for each other and do not lock up
    columns = zip(*(counts[place] for place in places), strict=True) if places else ([], [], [])
    devices, hours = [device for device, _ in places], [from_us(hour) for _, hour in places]
    await connection.execute(_COUNT, (devices, hours, *map(list, columns)))
