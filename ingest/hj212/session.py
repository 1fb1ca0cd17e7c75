"""One device's connection as a state machine without I/O: bytes in, work and answers out.

The caller has Kafka take ``Outcome.admitted`` and only then writes ``Outcome.answers``.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from domain.errors import Reason
from domain.report import Source
from ingest.admission import Admitted, Inbound, merge
from ingest.hj212.door import Door, refuse
from ingest.hj212.frame import Frame, Refused
from ingest.hj212.framer import MAX_FRAME_BYTES, Framer
from ingest.hj212.message import Message

_QUIET: Final = timedelta(minutes=10)
_TOLD_APART: Final = 20


class Outcome(msgspec.Struct, frozen=True):
    """What a read led to.

    Attributes:
        admitted: what Kafka must have first.
        answers: what is written then; empty if nothing.
        crc_rules: by which checksum rules how many frames were good.
        refused: how many bytes were refused.
        heard: messages of known devices, and answers to our commands.
        hopeless: why the connection should be closed, if it should.
    """

    admitted: Admitted
    answers: bytes
    crc_rules: Mapping[str, int]
    refused: int = 0
    heard: tuple[Message, ...] = ()
    hopeless: str | None = None

    @property
    def frames(self) -> int:
        """How many good frames there were."""
        return sum(self.crc_rules.values())


class Session:
    """What is known of one connection.

    Args:
        door: decides on frames.
        origin: the peer, for the records.
        max_frame_bytes: longest frame.
        rubbish_bytes: so much without a good frame, and the connection is hopeless.
    """

    def __init__(
        self,
        door: Door,
        origin: str,
        max_frame_bytes: int = MAX_FRAME_BYTES,
        rubbish_bytes: int = 65_536,
    ) -> None:
        self._door = door
        self._origin = origin
        self._rubbish_bytes = rubbish_bytes
        # One refusal for all rubbish between two frames: heartbeats of modems, port scans.
        self._framer = Framer(max_frame_bytes, lines_apart=0)
        self._refusals = _Refusals()
        self._refused_bytes = 0

    def receive(self, data: bytes, now: datetime) -> Outcome:
        """Take what was read."""
        outcome = self._take(self._framer.feed(data), now)
        if self._refused_bytes + self._framer.rubbish <= self._rubbish_bytes:
            return outcome
        hopeless = f"{self._refused_bytes + self._framer.rubbish} bytes without a good frame"
        rest = self.end(now)
        return Outcome(
            merge([outcome.admitted, rest.admitted]),
            outcome.answers + rest.answers,
            Counter(outcome.crc_rules) + Counter(rest.crc_rules),
            outcome.refused + rest.refused,
            outcome.heard + rest.heard,
            hopeless,
        )

    def end(self, now: datetime) -> Outcome:
        """The connection ends: what remains is a last frame, or refused."""
        outcome = self._take(self._framer.flush(), now)
        letters = [refuse(one, self._inbound(now)) for one in self._refusals.rest()]
        return replace(outcome, admitted=merge([outcome.admitted, *letters]))

    def _take(self, found: Iterable[Frame | Refused], now: datetime) -> Outcome:
        inbound = self._inbound(now)
        admitted: list[Admitted] = []
        answers: list[bytes] = []
        crc_rules: dict[str, int] = {}
        heard: list[Message] = []
        refused = 0
        for one in found:
            if isinstance(one, Frame):
                taken = self._door.take(one, inbound)
                admitted.append(taken.admitted)
                answers += taken.answers
                if taken.heard is not None:
                    heard.append(taken.heard)
                crc_rules[one.crc_rule] = crc_rules.get(one.crc_rule, 0) + 1
                self._refused_bytes = 0
                self._refusals.relent()
            else:
                refused += one.size
                self._refused_bytes += one.size
                admitted += [refuse(told, inbound) for told in self._refusals.tell(one, now)]
        admitted.append(self._door.expire(now))
        return Outcome(merge(admitted), b"".join(answers), crc_rules, refused, tuple(heard))

    def _inbound(self, now: datetime) -> Inbound:
        return Inbound(payload=b"", origin=self._origin, received_at=now, source=Source.HJ212)


class _Refusals:
    """Tells refusals one by one while they are few, and as one with a count when they are many."""

    def __init__(self) -> None:
        self._since_good = 0
        self._rubbish_told: datetime | None = None
        self._kept: Refused | None = None
        self._count = 0

    def tell(self, refused: Refused, now: datetime) -> list[Refused]:
        """Take a refusal; return those to be recorded now."""
        self._since_good += 1
        last = self._rubbish_told
        again = refused.reason is Reason.NO_FRAME and last is not None and now - last < _QUIET
        if again or self._since_good > _TOLD_APART:
            self._keep(refused)
            return []
        if refused.reason is not Reason.NO_FRAME:
            return [refused]
        self._rubbish_told = now
        return [*self.rest(), refused]

    def relent(self) -> None:
        """A good frame came: refusals are told one by one again."""
        self._since_good = 0

    def rest(self) -> list[Refused]:
        """What was kept back, as one."""
        kept, count = self._kept, self._count
        self._kept, self._count = None, 0
        if kept is None:
            return []
        if count == 1:
            return [kept]
        return [replace(kept, detail=f"{count} more refusals of this connection, the first: {kept.detail}")]

    def _keep(self, refused: Refused) -> None:
        kept = self._kept or refused
        self._kept = replace(kept, size=kept.size + refused.size) if self._count else refused
        self._count += 1
