"""Names on the wires: Kafka topics, MQTT topics, and what stands in them."""

from enum import StrEnum
from typing import Final

from domain.errors import Reason, Rejected

READINGS: Final = "readings"
REJECTED: Final = "readings.rejected"
EVALUATIONS: Final = "evaluations"

MQTT_ROOT: Final = "yanchen/v1"


class Channel(StrEnum):
    """The last level of a device's MQTT topic."""

    READINGS = "readings"  # a JSON report, or a list of them
    HJ212 = "hj212"  # raw HJ 212 frames
    STATUS = "status"  # online / offline, the last will


_CHANNELS: Final = {channel.value: channel for channel in Channel}


def mqtt_topic(device: str, channel: Channel) -> str:
    """Where a device publishes."""
    return f"{MQTT_ROOT}/{device}/{channel}"


def parse_mqtt_topic(topic: str) -> tuple[str, Channel]:
    """Device and channel of an MQTT topic.

    Raises:
        Rejected: the topic is not ``yanchen/v1/{device}/{channel}``.
    """
    root, _, rest = topic.partition(f"{MQTT_ROOT}/")
    device, _, name = rest.partition("/")
    channel = _CHANNELS.get(name)
    if root or not device or channel is None:
        raise Rejected(Reason.BAD_TOPIC, f"topic {topic!r} is not {MQTT_ROOT}/{{device}}/{{channel}}")
    return device, channel
