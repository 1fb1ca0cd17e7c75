"""The log's door for everything that came in: published, acknowledged by Kafka, counted."""

from domain.codec import encode
from domain.topics import READINGS, REJECTED
from ingest.admission import Admitted
from runtime.kafka import Producer
from runtime.metrics import REJECTED as REJECTED_COUNT
from runtime.metrics import REPORTS_IN


class Intake:
    """Publishes reports and dead letters; returns when Kafka has them all."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    async def publish(self, admitted: Admitted) -> None:
        """Append the reports under their device, the dead letters under theirs.

        Raises:
            Unavailable: Kafka did not acknowledge; nothing may be acknowledged upstream.
        """
        if admitted.reports:
            await self._producer.publish(
                READINGS, [(report.device, encode(report)) for report in admitted.reports]
            )
        if admitted.rejected:
            await self._producer.publish(
                REJECTED, [(letter.device or "", encode(letter)) for letter in admitted.rejected]
            )
        for report in admitted.reports:
            REPORTS_IN.labels(report.source or "").inc()
        for letter in admitted.rejected:
            REJECTED_COUNT.labels(letter.source or "", letter.reason).inc()
