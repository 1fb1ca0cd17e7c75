"""The MQTT door: decode, admit, publish to Kafka, and only then acknowledge."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import structlog
from msgspec.structs import replace

from domain.codec import split_device_reports
from domain.errors import Reason, Rejected
from domain.report import Source
from domain.site import Device
from domain.topics import Channel, parse_mqtt_topic
from ingest.admission import Admitted, Bounds, Inbound, admit, merge
from ingest.hj212.door import to_admitted
from ingest.json_report import candidate
from runtime.mqtt import Message, Subscriber

log = structlog.get_logger()

_MOST: Final = 1000
"""Messages of one batch; half of the receive maximum or less keeps the broker sending meanwhile."""

Publish = Callable[[Admitted], Awaitable[None]]
SayOnline = Callable[[Sequence[tuple[str, bool]]], None]


async def run_mqtt_door(
    subscriber: Subscriber,
    *,
    register: Callable[[], Mapping[str, Device]],
    bounds: Bounds,
    max_payload: int,
    publish: Publish,
    say_online: SayOnline,
) -> None:
    """Take messages for ever.

    Args:
        subscriber: the connected session.
        register: gives the devices as known now.
        bounds: how far a measuring time may lie from now.
        max_payload: bytes; a larger payload is refused undecoded.
        publish: returns when Kafka has everything.
        say_online: keeps what the last wills said.

    Raises:
        Unavailable: the broker or Kafka is away; unacknowledged messages come again.
    """
    while True:
        messages = await subscriber.take(_MOST)
        statuses = [message for message in messages if message.topic.endswith(f"/{Channel.STATUS}")]
        data = [message for message in messages if not message.topic.endswith(f"/{Channel.STATUS}")]
        admitted = merge(decode(message, register(), bounds, max_payload) for message in data)
        await publish(admitted)
        if statuses:
            say_online([_online(message) for message in statuses])
        subscriber.acknowledge(messages)
        _tell(admitted)


def decode(message: Message, register: Mapping[str, Device], bounds: Bounds, max_payload: int) -> Admitted:
    """What one publication holds; never raises for what a device sent."""
    inbound = Inbound(
        payload=message.payload,
        origin=message.topic,
        received_at=message.received_at,
        source=Source.MQTT,
    )
    device: str | None = None
    try:
        device, channel = parse_mqtt_topic(message.topic)
        if len(message.payload) > max_payload:
            raise _too_large(message, max_payload)
        if channel is Channel.HJ212:
            return to_admitted(message.payload, inbound, register, bounds, device)
        texts = split_device_reports(message.payload)
    except Rejected as error:
        return Admitted(rejected=(inbound.refuse(error, device),))
    return merge(_admit(replace(inbound, payload=text), device, register, bounds) for text in texts)


def _admit(inbound: Inbound, device: str, register: Mapping[str, Device], bounds: Bounds) -> Admitted:
    """One report; of a list the bad ones are refused by themselves, each with its own bytes."""
    try:
        return admit(candidate(inbound.payload, device), inbound, register, bounds)
    except Rejected as error:
        return Admitted(rejected=(inbound.refuse(error, device),))


def _too_large(message: Message, max_payload: int) -> Rejected:
    return Rejected(Reason.TOO_LARGE, f"{len(message.payload)} bytes; at most {max_payload} are taken")


def _online(message: Message) -> tuple[str, bool]:
    device = message.topic.split("/")[-2]
    return device, message.payload.strip().strip(b'"').lower() in {b"online", b"1", b"true"}


def _tell(admitted: Admitted) -> None:
    for letter in admitted.rejected:
        log.info(
            "rejected", device=letter.device, reason=letter.reason, detail=letter.detail, origin=letter.origin
        )
