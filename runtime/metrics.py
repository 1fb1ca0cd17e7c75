"""The door to Prometheus: every counter of Yanchen, named once."""

from typing import Final

from prometheus_client import Counter, Gauge, start_http_server

REPORTS_IN: Final = Counter("yanchen_reports_in_total", "Reports admitted to Kafka", ["source"])
REJECTED: Final = Counter("yanchen_rejected_total", "Dead letters sent to Kafka", ["source", "reason"])
HJ212_FRAMES: Final = Counter("yanchen_hj212_frames_total", "HJ 212 frames over TCP by CRC rule", ["crc"])
REPORTS_STORED: Final = Counter("yanchen_reports_stored_total", "Reports stored in the database")
REPORTS_DUPLICATE: Final = Counter("yanchen_reports_duplicate_total", "Reports that came again")
EVALUATIONS: Final = Counter("yanchen_evaluations_total", "Evaluations published", ["verdict"])
CORRECTIONS: Final = Counter("yanchen_corrections_total", "Final verdicts replaced", ["before", "verdict"])
NOTICES: Final = Counter("yanchen_notices_total", "Delivery attempts of notices", ["channel", "outcome"])
EVENT_LAG: Final = Gauge("yanchen_event_lag_seconds", "Age of the newest measuring time handled", ["service"])
LEDGER: Final = Gauge(
    "yanchen_ledger_reports", "Reports of the last 24 h by what became of them", ["outcome"]
)


def serve_metrics(port: int) -> None:
    """Serve ``/metrics`` on this port; 0 is none."""
    if port:
        start_http_server(port)
