"""Replay: refused messages go through decoding and admission again, as they came, once.

A message's bytes, its origin and the time when it was received are those of the first time; the
register and the vendor maps are those of now. What is admitted goes to Kafka, and only then are
its dead letters marked, in the transaction that holds them. A run that dies in between publishes
the same reports again, which the key (device, at, factor) makes harmless.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.codec import decode_report
from domain.errors import Rejected
from domain.instant import iso
from domain.report import RejectedMessage, Report, Scope, Source
from domain.site import Device
from ingest.admission import Admitted, Bounds, Candidate, Inbound, admit
from ingest.hj212.door import Door
from ingest.mqtt_door import decode
from runtime.database import Pool, transaction
from runtime.mqtt import Message
from runtime.quarantine import (
    Filter,
    Waiting,
    is_stored,
    letter_id,
    lock_letters,
    mark_replayed,
    waiting_messages,
)

Letter = dict[str, Any]
Publish = Callable[[Admitted], Awaitable[None]]

_FROM_LOG: Final = "kafka:"


@dataclass(frozen=True, slots=True)
class Doors:
    """What a message meets on its second way in.

    Attributes:
        register: the devices as known now.
        bounds: how far a measuring time may lie from the time of receipt.
        max_payload: bytes; a larger payload is refused undecoded.
    """

    register: Mapping[str, Device]
    bounds: Bounds
    max_payload: int


def decode_again(message: Waiting, doors: Doors) -> Admitted:
    """What a refused message yields now; never raises for what a device sent."""
    inbound = Inbound(
        payload=message.payload,
        origin=message.origin,
        received_at=message.received_at,
        source=message.source or Source.MQTT,
    )
    if message.origin.startswith(_FROM_LOG):
        return _admit_again(inbound, doors)
    if message.source is Source.HJ212:
        return Door(lambda: doors.register, doors.bounds).take_payload(inbound)
    arrived = Message(message.origin, message.payload, message.received_at)
    return decode(arrived, doors.register, doors.bounds, doors.max_payload)


def _admit_again(inbound: Inbound, doors: Doors) -> Admitted:
    """A report that had been admitted and whose device had left the register."""
    try:
        report = decode_report(inbound.payload)
    except Rejected as error:
        return Admitted(rejected=(inbound.refuse(error),))
    candidate = Candidate(
        device=report.device,
        at=report.instant,
        readings=report.readings,
        flags=report.flags,
        seq=report.seq,
        raw=report.raw,
    )
    return admit(candidate, inbound, doors.register, doors.bounds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a second decoding means for a message's letters.

    Attributes:
        gone: letters that went through.
        kept: letters that stay, each with its refusal of now.
        new: refusals of single readings that the letters do not tell yet.
    """

    gone: list[Letter]
    kept: list[tuple[Letter, RejectedMessage]]
    new: list[RejectedMessage]


def compare(letters: Sequence[Letter], refused: Sequence[RejectedMessage]) -> Outcome:
    """Hold a message's letters against what is refused of it now.

    A letter does not say which report of its message it was about, so as many stay as are
    refused now, those first whose sentence is the same as before. A report that was refused
    whole and now loses a single reading has gone through; the reading is a new letter.
    """
    gone, unmatched = list(letters), list(refused)
    kept: list[tuple[Letter, RejectedMessage]] = []
    for alike in (_same_sentence, _same_scope, _refused_further):
        for refusal in list(unmatched):
            if found := next((letter for letter in gone if alike(letter, refusal)), None):
                kept.append((found, refusal))
                gone.remove(found)
                unmatched.remove(refusal)
    return Outcome(gone, kept, [refusal for refusal in unmatched if refusal.scope is Scope.READING])


def _same_sentence(letter: Letter, refusal: RejectedMessage) -> bool:
    told = (refusal.reason.value, refusal.detail.replace("\x00", "\ufffd"))
    return (letter["reason"], letter["detail"]) == told


def _same_scope(letter: Letter, refusal: RejectedMessage) -> bool:
    return bool(letter["scope"] == refusal.scope.value)


def _refused_further(letter: Letter, refusal: RejectedMessage) -> bool:
    """A reading was refused; now, its device being disabled say, the whole report is."""
    return letter["scope"] == Scope.READING.value and refusal.scope is Scope.REPORT


def to_publish(gone: Sequence[Letter], stored: Sequence[Report], fresh: Sequence[Report]) -> list[Report]:
    """The reports to hand on: one for each whole report that went through, so that the account closes.

    Args:
        gone: letters that went through.
        stored: the message's reports of which the store has every reading.
        fresh: those of which it has not.
    """
    wanted = sum(letter["scope"] == Scope.REPORT.value for letter in gone)
    return [*fresh, *stored[: max(0, wanted - len(fresh))]] if gone else []


async def replay(pool: Pool, publish: Publish, doors: Doors, which: Filter) -> AsyncIterator[dict[str, Any]]:
    """Replay what is meant and still waits; one line for each letter.

    Raises:
        Unavailable: Kafka or the database is away; what was not marked can be replayed again.
    """
    last: Waiting | None = None
    while messages := await waiting_messages(pool, which, last):
        for message in messages:
            for line in await _replay_one(pool, publish, doors, message):
                yield line
        last = messages[-1]


async def _replay_one(pool: Pool, publish: Publish, doors: Doors, message: Waiting) -> list[dict[str, Any]]:
    again = decode_again(message, doors)
    async with transaction(pool) as connection:
        letters = await lock_letters(connection, message)
        outcome = compare(letters, again.rejected)
        there = [await is_stored(connection, report) for report in again.reports]
        stored = [report for report, known in zip(again.reports, there, strict=True) if known]
        fresh = [report for report, known in zip(again.reports, there, strict=True) if not known]
        reports = to_publish(outcome.gone, stored, fresh)
        await publish(Admitted(tuple(reports), tuple(outcome.new) if outcome.gone else ()))
        became = [f"{report.device} {iso(report.instant)}" for report in reports]
        await mark_replayed(connection, outcome.gone, became)
    return [
        *(
            {"id": letter_id(row), "device": row["device"], "replayed": True, "as": became}
            for row in outcome.gone
        ),
        *(_told(row, refusal) for row, refusal in outcome.kept),
    ]


def _told(row: Letter, refusal: RejectedMessage) -> dict[str, Any]:
    said = {"id": letter_id(row), "device": refusal.device, "replayed": False}
    return said | {"reason": refusal.reason.value, "detail": refusal.detail}
