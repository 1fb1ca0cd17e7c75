"""A frame at the door → what Kafka gets, and what the device hears when Kafka has it."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from hmac import compare_digest
from typing import Final

import msgspec
from msgspec.structs import replace

from domain.errors import ConfigError, Reason, Rejected
from domain.report import Source
from domain.site import Device
from ingest.admission import Admitted, Bounds, Candidate, Inbound, admit, merge
from ingest.hj212.answer import HOUSEKEEPING, RESULTS, answer
from ingest.hj212.decode import AVERAGED, Decoded, decode_message
from ingest.hj212.frame import Frame, Refused
from ingest.hj212.framer import Framer
from ingest.hj212.message import Message, parse
from ingest.hj212.packets import Packet, Packets, borrow, told_in_front
from ingest.hj212.vendor_map import VendorMap, vendor_map

STORED: Final = frozenset({"2011", "2021", "2051"})
"""Commands that carry readings of an instant or a minute; hours and days are statistics."""

NOTHING: Final = Admitted()

CRC_RULE: Final = "crc_rule"
"""Under this name ``raw`` tells a checksum that is right by another rule than the standard's."""


class Taken(msgspec.Struct, frozen=True):
    """What became of a frame.

    Attributes:
        admitted: what Kafka must have before anything is answered.
        answers: what is written to the device then.
        heard: the message, if it is certain who sent it or if it is an answer to us.
    """

    admitted: Admitted = Admitted()
    answers: tuple[bytes, ...] = ()
    heard: Message | None = None


class Door:
    """Decides on frames; holds nothing but parts of split messages.

    Args:
        register: gives the devices as known now.
        bounds: how far DataTime may lie from the clock.
        packets: split messages that have begun.
    """

    def __init__(
        self,
        register: Callable[[], Mapping[str, Device]],
        bounds: Bounds | None = None,
        packets: Packets | None = None,
    ) -> None:
        self._register = register
        self._bounds = bounds or Bounds()
        self._packets = packets or Packets()

    def take(self, frame: Frame, inbound: Inbound, topic_device: str | None = None) -> Taken:
        """Decide on a frame.

        Args:
            frame: the frame.
            inbound: where and when it came from; its payload is replaced by the frame's.
            topic_device: the only device that may speak here, where the door knows.
        """
        return self._take(frame, inbound, topic_device, self._packets)

    def _take(self, frame: Frame, inbound: Inbound, topic_device: str | None, packets: Packets) -> Taken:
        inbound = replace(inbound, payload=frame.raw)
        reply: bytes | None = None
        try:
            message = parse(frame.data)
            reply = answer(message)
            if message.command in RESULTS:
                return Taken(heard=message)
            if message.command in HOUSEKEEPING:
                return Taken(answers=_sent(reply), heard=self._heard(message, frame.crc_rule))
            self._check(message, frame.crc_rule, topic_device)
            decoded = decode_message(message, frame.crc_rule, self._meanings(message.device))
        except Rejected as error:
            # A checksum that is wrong for this device gets no answer, like any wrong checksum.
            answers = () if error.reason is Reason.BAD_CRC else _sent(reply)
            return Taken(Admitted(rejected=(inbound.refuse(error),)), answers)
        if message.part is None:
            return Taken(self._admit(decoded, inbound), _sent(reply), self._known(message))
        packet = Packet(decoded, inbound, reply)
        if at := told_in_front(frame.prefix):
            packet = borrow(packet, at)
        ready = packets.add(packet, inbound.received_at)
        return Taken(
            merge(self._admit(packet.decoded, packet.inbound) for packet in ready),
            tuple(answer for packet in ready for answer in _sent(packet.answer)),
            self._known(message),
        )

    def take_payload(self, inbound: Inbound, topic_device: str | None = None) -> Admitted:
        """Decide on a payload of frames, as MQTT carries them; nothing is answered there.

        The payload is acknowledged as a whole, so no part of a split message is held beyond it.
        """
        framer, packets = Framer(), Packets()
        found = [*framer.feed(inbound.payload), *framer.flush()]
        if not found:
            return Admitted(rejected=(inbound.refuse(Rejected(Reason.EMPTY, "the payload is empty")),))
        parts = [
            self._take(one, inbound, topic_device, packets).admitted
            if isinstance(one, Frame)
            else refuse(one, inbound, topic_device)
            for one in found
        ]
        return merge([*parts, Admitted(rejected=tuple(packets.refuse_held()))])

    def expire(self, now: datetime | None = None) -> Admitted:
        """The dead letters of split messages that are overdue; without ``now`` of all."""
        overdue = self._packets.expire(now)
        return Admitted(rejected=tuple(overdue)) if overdue else NOTHING

    def _check(self, message: Message, crc_rule: str, topic_device: str | None) -> None:
        name = message.device
        if topic_device is not None and name and name != topic_device:
            sentence = f"a frame of {name!r} came by the topic of {topic_device!r}"
            raise Rejected(Reason.WRONG_DEVICE, sentence, topic_device)
        if name and message.command not in STORED:
            raise Rejected(Reason.NOT_DATA, _not_data(message.command), name)
        self._identify(message, crc_rule)

    def _identify(self, message: Message, crc_rule: str) -> None:
        name = message.device
        device = self._register().get(name)
        if device and device.crc_rules is not None and crc_rule not in device.crc_rules:
            allowed = ", ".join(sorted(device.crc_rules)) or "none"
            sentence = f"its checksum is right by rule {crc_rule!r}, but {name!r} may use {allowed} only"
            sentence += "; if that is how it counts, add the rule to its crc_rules in the register"
            raise Rejected(Reason.BAD_CRC, sentence, name)
        expected = device.password if device else None
        if expected is not None and not compare_digest(
            expected.encode(), message.fields.get("PW", "").encode("latin-1")
        ):
            raise Rejected(Reason.WRONG_PASSWORD, f"the PW of {name!r} is not the one in the register", name)

    def _known(self, message: Message) -> Message | None:
        device = self._register().get(message.device)
        return message if device is not None and device.enabled else None

    def _heard(self, message: Message, crc_rule: str) -> Message | None:
        try:
            self._identify(message, crc_rule)
        except Rejected:
            return None  # it is answered like anybody, and not spoken to
        return self._known(message)

    def _meanings(self, name: str) -> VendorMap:
        device = self._register().get(name)
        try:
            return vendor_map(device.vendor if device else None)
        except ConfigError as error:
            # Without its map the codes mean nothing; national ones would be a guess.
            sentence = f"{error}; correct the register, then replay"
            raise Rejected(Reason.UNKNOWN_FACTOR, sentence, name) from error

    def _admit(self, decoded: Decoded, inbound: Inbound) -> Admitted:
        try:
            candidate = to_candidate(decoded)
        except Rejected as error:
            return Admitted(rejected=(inbound.refuse(error),))
        return admit(candidate, inbound, self._register(), self._bounds)


def to_candidate(decoded: Decoded) -> Candidate:
    """The report of a decoded message, to be admitted.

    A text that should be a number becomes "not a number", so that admission refuses this
    reading by name. In ``raw`` a checksum by another rule than the standard's is named.

    Raises:
        Rejected: it has no time, as a platform's request for data has none.
    """
    if decoded.at is None:
        raise Rejected(Reason.NO_READINGS, f"command {decoded.command} came without data", decoded.device)
    readings = decoded.readings
    if decoded.unreadable:
        readings = readings | dict.fromkeys(decoded.unreadable, math.nan)
    return Candidate(
        device=decoded.device,
        at=decoded.at,
        readings=readings,
        flags=decoded.flags,
        raw=decoded.told if decoded.crc == "standard" else decoded.told | {CRC_RULE: decoded.crc},
        unreadable=decoded.unreadable,
    )


def to_admitted(
    payload: bytes,
    inbound: Inbound,
    register: Mapping[str, Device],
    bounds: Bounds,
    device: str | None = None,
) -> Admitted:
    """Decide on an MQTT payload of raw frames.

    Args:
        payload: one frame or several.
        inbound: where and when it came from.
        register: the devices by name.
        bounds: how far DataTime may lie from the clock.
        device: the device whose topic it is; frames of others are refused.
    """
    door = Door(lambda: register, bounds)
    return door.take_payload(replace(inbound, payload=payload, source=Source.MQTT_HJ212), device)


def refuse(refused: Refused, inbound: Inbound, device: str | None = None) -> Admitted:
    """The dead letter of bytes that are no frame."""
    kept = replace(inbound, payload=refused.raw)
    return Admitted(rejected=(kept.refuse(Rejected(refused.reason, refused.detail), device),))


def _not_data(command: str) -> str:
    if command in AVERAGED:
        return f"command {command} carries statistics of an hour or a day, which are not minute readings"
    return f"command {command} is not an upload of readings ({', '.join(sorted(STORED))})"


def _sent(reply: bytes | None) -> tuple[bytes, ...]:
    return () if reply is None else (reply,)
