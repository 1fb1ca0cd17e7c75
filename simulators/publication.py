"""What goes out of a door, and what is to become of it."""

from enum import StrEnum

import msgspec

from domain.site import Protocol


class Outcome(StrEnum):
    """What ingest must make of the reports of a publication."""

    STORED = "stored"
    DUPLICATE = "duplicate"  # all of it was published before
    REJECTED = "rejected"


class Held(msgspec.Struct, frozen=True):
    """A report that a publication holds.

    Attributes:
        device: under whose name it goes out.
        at_ms: its measuring time, as it says.
        seq: its number; HJ 212 has none, and then it is null.
        factors: what was measured.
        values: one per factor, canonical units.
        flags: factor → letter, where it is not N.
    """

    device: str
    at_ms: int
    seq: int | None
    factors: tuple[str, ...]
    values: tuple[float, ...]
    flags: dict[str, str]

    def readings(self) -> dict[str, float]:
        """Factor → value."""
        return dict(zip(self.factors, self.values, strict=True))


class Publication(msgspec.Struct, frozen=True):
    """One message on one door.

    Attributes:
        device: under whose name it goes out.
        at_publish_ms: when it goes out.
        door: how.
        topic: MQTT topic; empty for HJ 212.
        payload: the bytes.
        outcome: what must become of its reports.
        reports: the reports in it; a backlog holds several, and each counts.
        faults: labels of what was done to it.
    """

    device: str
    at_publish_ms: int
    door: Protocol
    topic: str
    payload: bytes
    outcome: Outcome
    reports: tuple[Held, ...]
    faults: tuple[str, ...] = ()

    @property
    def answered(self) -> bool:
        """Whether an HJ 212 peer answers it: it answers only what it can read and take."""
        return self.outcome is not Outcome.REJECTED
