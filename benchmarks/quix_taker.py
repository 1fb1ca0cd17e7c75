"""Window means with Quix Streams, no more; its words are BOOTSTRAP TOPIC COUNT. Prints what it took as JSON.

Without changelog topics and without output, which is its best case.
"""

import json
import sys
import tempfile
import time
import uuid
from datetime import datetime
from typing import Any

from quixstreams import Application
from quixstreams.dataframe.windows import Mean

WINDOW_MS = 600_000


def main(bootstrap: str, topic: str, count: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        application = Application(
            broker_address=bootstrap,
            consumer_group=f"quix-{uuid.uuid4().hex[:8]}",
            auto_offset_reset="earliest",
            state_dir=folder,
            use_changelog_topics=False,
            loglevel="ERROR",
        )
        watch = _Watch(int(count), application)
        readings = application.topic(topic, value_deserializer="json", timestamp_extractor=_measured)
        frame = application.dataframe(readings).apply(watch.see)
        frame.tumbling_window(WINDOW_MS, grace_ms=90_000).agg(
            oil_fume=Mean("oil_fume"), nmhc=Mean("nmhc")
        ).final()
        application.run()
        print(json.dumps(watch.took))


class _Watch:
    """Measures from the first report to the last that is wanted, and stops the application there."""

    def __init__(self, count: int, application: Application) -> None:
        self._left, self._application = count, application
        self._wall = self._cpu = 0.0
        self.took: dict[str, float] = {}

    def see(self, report: dict[str, Any]) -> Any:
        if not self._wall:
            self._wall, self._cpu = time.perf_counter(), time.process_time()
        self._left -= 1
        if not self._left:
            self.took = {"wall": time.perf_counter() - self._wall, "cpu": time.process_time() - self._cpu}
            self._application.stop()
        return report["readings"]


def _measured(value: Any, _headers: object, _timestamp: float, _kind: object) -> int:
    return int(datetime.fromisoformat(value["at"]).timestamp() * 1000)


if __name__ == "__main__":
    main(*sys.argv[1:])
