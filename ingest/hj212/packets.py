"""Messages sent in parts (拆分包): PNUM packets under one QN (HJ 212-2017, 6.3.2).

Parts are joined by what only some of them carry, DataTime; each is then a report of its
own, since reports of one device and instant add up. That keeps the promise of the answer:
a part can be stored, and answered, without waiting for the next one, which a device may
hold back until it has that answer. A part that knows no time yet is held, unanswered,
until another tells it. What is refused of it then is recorded with that time in front of
its bytes, ``DataTime=20260101120000000##…``, so that it can be let in again by itself.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from domain.errors import Reason, Rejected
from domain.instant import CHINA
from domain.report import RejectedMessage
from ingest.admission import Inbound
from ingest.hj212.decode import Decoded, parse_time

_IN_FRONT: Final = re.compile(rb"DataTime=(\d{17})")


class Packet(msgspec.Struct, frozen=True):
    """A decoded part, the bytes it came in, and the answer it waits for."""

    decoded: Decoded
    inbound: Inbound
    answer: bytes | None


def borrow(packet: Packet, at: datetime) -> Packet:
    """The packet with a time that other bytes tell; one that tells its own keeps it."""
    if packet.decoded.at is not None:
        return packet
    told = f"DataTime={at.astimezone(CHINA):%Y%m%d%H%M%S%f}"[:-3].encode()  # to the millisecond
    inbound = replace(packet.inbound, payload=told + packet.inbound.payload)
    return replace(packet, decoded=replace(packet.decoded, at=at), inbound=inbound)


def told_in_front(prefix: bytes) -> datetime | None:
    """The time that ``borrow`` has put in front of a part."""
    told = _IN_FRONT.fullmatch(prefix)
    try:
        return parse_time(told[1].decode()) if told else None
    except Rejected:
        return None


@dataclass(slots=True)
class _Parts:
    first: Inbound
    device: str
    count: int
    deadline: datetime
    at: datetime | None = None
    seen: set[int] = field(default_factory=set)
    held: list[Packet] = field(default_factory=list)


class Packets:
    """Split messages that have begun and not ended.

    Args:
        timeout: how long a message may take; what is missing then is refused.
        max_messages: so many at most; the oldest gives way.
        max_held: so many parts at most are held for want of a time.
    """

    def __init__(
        self,
        timeout: timedelta = timedelta(seconds=60),
        max_messages: int = 10_000,
        max_held: int = 1_000,
    ) -> None:
        self._timeout = timeout
        self._max_messages = max_messages
        self._max_held = max_held
        self._held = 0
        self._messages: dict[tuple[str, str, str], _Parts] = {}

    def add(self, packet: Packet, now: datetime) -> list[Packet]:
        """Take a part; return those whose time is known by now, with that time."""
        decoded = packet.decoded
        key = (decoded.device, decoded.message.qn, decoded.command)
        part = decoded.message.part
        assert part is not None
        number, count = part
        parts = self._messages.get(key)
        if parts is None:
            parts = _Parts(packet.inbound, decoded.device, count, now + self._timeout)
            self._messages[key] = parts
        parts.seen.add(number)
        parts.at = decoded.at or parts.at
        if parts.at is None:
            parts.held.append(packet)
            self._held += 1
            return []
        ready = [*parts.held, packet]
        self._held -= len(parts.held)
        parts.held = []
        if len(parts.seen) >= parts.count:
            del self._messages[key]
        at = parts.at
        return [borrow(one, at) for one in ready]

    def expire(self, now: datetime | None = None) -> list[RejectedMessage]:
        """Refuse what is overdue or too much; without ``now`` everything that is left."""
        gone: list[RejectedMessage] = []
        if not self._messages:
            return gone
        for key, parts in list(self._messages.items()):  # oldest first
            if now is not None and now < parts.deadline and not self._overfull():
                break
            del self._messages[key]
            self._held -= len(parts.held)
            gone.append(_missing(parts))
        return gone

    def refuse_held(self) -> list[RejectedMessage]:
        """Refuse the parts that wait for a time; parts that were not seen may come elsewhere."""
        waiting = [parts for parts in self._messages.values() if parts.held]
        self._messages.clear()
        self._held = 0
        return [_missing(parts) for parts in waiting]

    def _overfull(self) -> bool:
        return len(self._messages) > self._max_messages or self._held > self._max_held


def _missing(parts: _Parts) -> RejectedMessage:
    absent = sorted(set(range(1, parts.count + 1)) - parts.seen)[:10]
    if absent:
        sentence = f"of {parts.count} parts these never came: {', '.join(map(str, absent))}"
    else:
        sentence = f"none of {parts.count} parts has a DataTime"
    payload = b"\r\n".join(packet.inbound.payload for packet in parts.held) or parts.first.payload
    error = Rejected(Reason.MISSING_PACKET, sentence, parts.device)
    return replace(parts.first, payload=payload).refuse(error)
