"""Reports (报文) and what becomes of them: the forms that travel.

A report is all factors of one device at one instant. The same form travels on MQTT, on
the Kafka topic ``readings`` and in the files that ``yanchen evaluate`` judges.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from domain.errors import Reason
from domain.instant import from_ms

Aware = Annotated[datetime, msgspec.Meta(tz=True)]
EpochMs = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_000)]
"""Milliseconds since 1970, up to the end of the year 9999."""
Number = Annotated[int, msgspec.Meta(ge=1 - 2**53, le=2**53 - 1)]
"""A device's own number of a report: what every JSON parser reads exactly, and every database holds."""


class Source(StrEnum):
    """By which door a report came in."""

    MQTT = "mqtt"
    MQTT_HJ212 = "mqtt_hj212"
    HJ212 = "hj212"
    FILE = "file"


class DeviceReport(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A report as a device sends it (design §3).

    Attributes:
        at: when it was measured: ISO 8601 with a zone, or epoch milliseconds.
        readings: factor → value in the factor's canonical unit.
        seq: rises by one with each report of the device; optional.
        flags: factor → HJ 212 flag letter, where it is not N.
        device: optional here, because the topic names it; must agree if given.
    """

    at: Aware | EpochMs
    readings: dict[str, float]
    seq: Number | None = None
    flags: dict[str, str] = {}
    device: str | None = None


class Report(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A report on the Kafka topic ``readings``: canonical units, known device.

    Attributes:
        device: its MN or name in the register.
        at: when it was measured.
        readings: factor → value in the factor's canonical unit.
        flags: factor → flag letter, where it is not N.
        seq: the device's own number of the report.
        received_at: when Yanchen's door saw it.
        source: by which door.
        raw: code → text as sent, where decoding changed names or units.
    """

    device: str
    at: Aware | EpochMs
    readings: dict[str, float]
    flags: dict[str, str] = {}
    seq: Number | None = None
    received_at: Aware | None = None
    source: Source | None = None
    raw: dict[str, str] = {}

    @property
    def instant(self) -> datetime:
        """When it was measured, as an aware datetime."""
        return from_ms(self.at) if isinstance(self.at, int) else self.at


class Scope(StrEnum):
    """How much of a message was refused."""

    REPORT = "report"  # all of it: nothing was stored
    READING = "reading"  # some readings only: the rest of the report went on


class RejectedMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record on ``readings.rejected``: the bytes as they came, and why not.

    Attributes:
        payload: the raw bytes (base64 on the wire).
        origin: where it came from: an MQTT topic, or ``tcp://host:port``.
        received_at: when.
        reason: the code that is counted.
        detail: the sentence for people.
        device: the device, where known.
        scope: the whole report, or some of its readings.
        factors: the refused readings' names, if scope is ``reading``.
        source: by which door.
    """

    payload: bytes
    origin: str
    received_at: Aware
    reason: Reason
    detail: str
    device: str | None = None
    scope: Scope = Scope.REPORT
    factors: tuple[str, ...] = ()
    source: Source | None = None
