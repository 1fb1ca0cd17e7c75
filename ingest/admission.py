"""Admission: which decoded reports may enter the log, and why others may not.

Pure: the register and the clock are arguments. A report with one impossible reading
loses only that reading; the refusal is recorded with the report's bytes.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from domain.errors import Reason, Rejected
from domain.factors import FACTORS
from domain.flags import FLAGS
from domain.instant import iso
from domain.report import RejectedMessage, Report, Scope, Source
from domain.site import Device


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes at a door, before anything is known of them.

    Attributes:
        payload: as they came.
        origin: MQTT topic, or ``tcp://host:port`` of the peer.
        received_at: when.
        source: by which door.
    """

    payload: bytes
    origin: str
    received_at: datetime
    source: Source

    def refuse(self, error: Rejected, device: str | None = None) -> RejectedMessage:
        """The dead letter of the whole message."""
        return RejectedMessage(
            payload=self.payload,
            origin=self.origin,
            received_at=self.received_at,
            reason=error.reason,
            detail=error.detail,
            device=error.device or device,
            source=self.source,
        )


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded report that has not been admitted yet; units are canonical.

    Attributes:
        device: its MN or name in the register.
        at: when it was measured.
        readings: factor → value; "not a number" where a text should be one and is none.
        flags: factor → letter.
        seq: the device's own number of the report.
        raw: code → text as sent.
        unreadable: factor → the text that is no number, for the sentence.
    """

    device: str
    at: datetime
    readings: Mapping[str, float]
    flags: Mapping[str, str] = msgspec.field(default_factory=dict)
    seq: int | None = None
    raw: Mapping[str, str] = msgspec.field(default_factory=dict)
    unreadable: Mapping[str, str] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far a measuring time may lie from the receiving time."""

    max_future: timedelta = timedelta(minutes=10)
    max_age: timedelta = timedelta(days=30)


class Admitted(msgspec.Struct, frozen=True):
    """What goes to Kafka: at most one report, and the dead letters."""

    reports: tuple[Report, ...] = ()
    rejected: tuple[RejectedMessage, ...] = ()


def merge(parts: Iterable[Admitted]) -> Admitted:
    """All of them as one, in order."""
    kept = list(parts)
    if len(kept) == 1:
        return kept[0]
    return Admitted(
        tuple(report for part in kept for report in part.reports),
        tuple(letter for part in kept for letter in part.rejected),
    )


def admit(candidate: Candidate, inbound: Inbound, register: Mapping[str, Device], bounds: Bounds) -> Admitted:
    """Decide on one decoded report.

    Returns:
        The report without its refused readings, and one dead letter per reason.
    """
    try:
        _check_device(candidate, register)
        _check_time(candidate, inbound, bounds)
        refused = _refused_readings(candidate)
        good = candidate.readings
        if refused:
            good = {name: value for name, value in good.items() if name not in refused}
        if not good:
            raise _nothing_left(refused)
    except Rejected as error:
        return Admitted(rejected=(inbound.refuse(error, candidate.device),))
    report = Report(
        device=candidate.device,
        at=candidate.at,
        readings=dict(good),
        flags={name: flag for name, flag in candidate.flags.items() if name in good and flag != "N"},
        seq=candidate.seq,
        received_at=inbound.received_at,
        source=inbound.source,
        raw=dict(candidate.raw),
    )
    return Admitted((report,), _dead_letters(candidate, inbound, refused))


def _check_device(candidate: Candidate, register: Mapping[str, Device]) -> None:
    device = register.get(candidate.device)
    if device is None:
        raise Rejected(
            Reason.UNKNOWN_DEVICE, f"device {candidate.device!r} is not in the register; add it, then replay"
        )
    if not device.enabled:
        raise Rejected(Reason.UNKNOWN_DEVICE, f"device {candidate.device!r} is disabled in the register")


def _check_time(candidate: Candidate, inbound: Inbound, bounds: Bounds) -> None:
    ahead = candidate.at - inbound.received_at
    if ahead > bounds.max_future:
        raise Rejected(
            Reason.FUTURE, f"measured at {iso(candidate.at)}, {ahead} after it was received: check its clock"
        )
    if -ahead > bounds.max_age:
        raise Rejected(
            Reason.TOO_OLD,
            f"measured at {iso(candidate.at)}, more than {bounds.max_age} before it came{_hint(candidate)}",
        )


def _hint(candidate: Candidate) -> str:
    """1970 is what seconds give where milliseconds are wanted, and a clock that was never set."""
    return ": check its clock, and that epoch times are in milliseconds" if candidate.at.year == 1970 else ""


def _refused_readings(candidate: Candidate) -> dict[str, Rejected]:
    """Reading → why it cannot be stored."""
    refused: dict[str, Rejected] = {}
    flags = candidate.flags
    for name, value in candidate.readings.items():
        factor = FACTORS.get(name)
        flag = flags.get(name, "N")
        if factor is not None and flag == "N" and factor.low <= value <= factor.high:
            continue  # nearly all are, and there are hundreds of thousands a second
        if factor is None:
            refused[name] = Rejected(Reason.UNKNOWN_FACTOR, f"{name!r} is no factor that Yanchen knows")
        elif flag not in FLAGS:
            refused[name] = Rejected(
                Reason.UNKNOWN_FLAG, f"{name} has flag {flag!r}; HJ 212 knows {''.join(FLAGS)}"
            )
        elif not math.isfinite(value):
            text = candidate.unreadable.get(name, f"{value:g}")
            refused[name] = Rejected(Reason.IMPLAUSIBLE, f"{name} is not a number: {text[:40]!r}")
        elif flag == "N" and not factor.plausible(value):
            refused[name] = Rejected(
                Reason.IMPLAUSIBLE,
                f"{name} = {value:g} is outside {factor.low:g} to {factor.high:g} {factor.unit}".rstrip(),
            )
    return refused


def _nothing_left(refused: Mapping[str, Rejected]) -> Rejected:
    if not refused:
        return Rejected(Reason.NO_READINGS, "the report holds no readings")
    first = next(iter(refused.values()))
    return Rejected(first.reason, "; ".join(error.detail for error in refused.values()))


def _dead_letters(
    candidate: Candidate, inbound: Inbound, refused: Mapping[str, Rejected]
) -> tuple[RejectedMessage, ...]:
    by_reason: dict[Reason, list[str]] = {}
    for name, error in refused.items():
        by_reason.setdefault(error.reason, []).append(name)
    return tuple(
        RejectedMessage(
            payload=inbound.payload,
            origin=inbound.origin,
            received_at=inbound.received_at,
            reason=reason,
            detail="; ".join(refused[name].detail for name in names),
            device=candidate.device,
            scope=Scope.READING,
            factors=tuple(names),
            source=inbound.source,
        )
        for reason, names in by_reason.items()
    )
