"""High-water marks: what lies above them is new for certain, and needs no look into the table.

A point's mark is the newest measuring time stored for it. Readings and reports of a point are
written together, so one mark serves both tables.

A mark is believed only while this writer alone has written its partition: the offset that the
database holds for the partition, locked by the transaction, is then the one that we left there.
Another member, a restart or a commit whose outcome we do not know leaves another one, and the
partition's marks are read again. Whoever changes the number of partitions gives a device to another
partition; a mark that is wrong for such a reason meets the table's key, and the batch goes the
careful way (``ingest.writer``).
"""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from ingest.arrival import Arrivals, to_us
from runtime.database import Connection
from runtime.kafka import Batch

NOTHING: Final = -(2**63)
"""The mark of a point that has no reports."""

# One probe of the newest chunk that has the point, not a look at every chunk.
_NEWEST: Final = """
    SELECT point_id, newest.at FROM unnest(%s::int[]) AS point_id
    CROSS JOIN LATERAL (SELECT at FROM reports WHERE reports.point_id = point_id.point_id
                        ORDER BY at DESC LIMIT 1) AS newest
"""


class Marks:
    """Point → newest measuring time stored (µs since 2000), for the partitions of this writer."""

    def __init__(self) -> None:
        self._newest: dict[int, dict[int, int]] = {}
        self._left_at: dict[int, int] = {}

    def check(self, stood_at: Mapping[int, int]) -> None:
        """Forget the marks of partitions that somebody else has written.

        Args:
            stood_at: partition → the offset that the database held when the transaction locked it.
        """
        for partition, offset in stood_at.items():
            if self._left_at.get(partition) != offset:
                self._newest.pop(partition, None)

    async def of(self, connection: Connection, batch: Arrivals) -> dict[int, int]:
        """The marks of the points of a batch; those not known yet are read."""
        found: dict[int, int] = {}
        for partition in np.unique(batch.partition).tolist():
            wanted = np.unique(batch.point[batch.partition == partition]).tolist()
            known = self._newest.setdefault(partition, {})
            unknown = [point for point in wanted if point not in known]
            if unknown:
                cursor = await connection.execute(_NEWEST, (unknown,))
                known |= dict.fromkeys(unknown, NOTHING)
                known |= {row["point_id"]: to_us(row["at"]) for row in await cursor.fetchall()}
            found |= {point: known[point] for point in wanted}
        return found

    def keep(self, batch: Batch, arrivals: Arrivals) -> None:
        """Remember what a committed batch left: the offsets, and its points' new marks."""
        for partition, records in batch.items():
            if records:
                self._left_at[partition] = records[-1].offset + 1
        columns = (arrivals.partition, arrivals.point, arrivals.at_us)
        for partition, point, at_us in zip(*(column.tolist() for column in columns), strict=True):
            known = self._newest[partition]
            known[point] = max(at_us, known[point])

    def forget(self, partitions: Iterable[int]) -> None:
        """Believe nothing about these partitions."""
        for partition in partitions:
            self._newest.pop(partition, None)
            self._left_at.pop(partition, None)
