"""A device that publishes over MQTT: reads along on the broker, and looks at what it publishes."""

import asyncio
import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import unquote, urlsplit

from app.conformance.card import Card, Verdict
from app.conformance.expected import Expected
from app.conformance.frames import ITEMS as FRAME_ITEMS
from app.conformance.frames import check_frame, check_refused
from app.conformance.values import check_clock, check_interval, check_values
from domain.codec import decode_device_report, split_device_reports
from domain.errors import ConfigError, Rejected
from domain.factors import FACTORS
from domain.flags import FLAGS
from domain.instant import from_ms
from domain.report import DeviceReport
from domain.topics import MQTT_ROOT, Channel, parse_mqtt_topic
from ingest.hj212.frame import Frame
from ingest.hj212.framer import Framer
from runtime.mqtt import Message, Subscription, open_subscriber
from runtime.settings import Mqtt

JSON_ITEMS: Final = (
    *("topic", "qos", "retained", "json", "device", "at", "seq", "factors", "json_flags", "units"),
    *("interval", "status"),
)

_TAKEN_AT_ONCE: Final = 500


class Reader:
    """Looks at the messages of one device, in order of arrival.

    Args:
        device: its name.
        expected: what is known of its HJ 212 frames, where it publishes those.
    """

    def __init__(self, device: str, expected: Expected) -> None:
        frame_items = [item for item in FRAME_ITEMS if item not in {*JSON_ITEMS, "line_end"}]
        self.card = Card(device, [*JSON_ITEMS, *frame_items])
        self._expected = expected
        self._times: list[datetime] = []
        self._last_seq: int | None = None

    def read(self, message: Message) -> None:
        """Take one message."""
        try:
            _, channel = parse_mqtt_topic(message.topic)
        except Rejected as error:
            self.card.note("topic", Verdict.FAIL, error.detail)
            return
        self.card.note("topic", Verdict.OK)
        if channel is Channel.STATUS:
            told = f"payload {message.payload[:40]!r}"
            known = message.payload.strip().strip(b'"').lower() in {b"online", b"offline"}
            self.card.check("status", known, told, Verdict.WARN)
            return
        self.card.check(
            "qos", message.packet_id is not None, "QoS 0: a report is lost when the connection is"
        )
        told = "retained: the broker gives the last report to everybody who subscribes"
        self.card.check("retained", not message.retained, told, Verdict.WARN)
        if channel is Channel.HJ212:
            self._read_frames(message)
        else:
            self._read_reports(message)

    def end(self) -> Card:
        """The time is over; the card is complete."""
        check_interval(self.card, self._times)
        return self.card

    def _read_frames(self, message: Message) -> None:
        framer = Framer()
        for found in [*framer.feed(message.payload), *framer.flush()]:
            if isinstance(found, Frame):
                check_frame(self.card, found, message.received_at, self._expected)
            else:
                check_refused(self.card, found)

    def _read_reports(self, message: Message) -> None:
        try:
            texts = split_device_reports(message.payload)
        except Rejected as error:
            self.card.note("json", Verdict.FAIL, f"{error.detail}: {message.payload[:80]!r}")
            return
        for text in texts:
            self._read_text(text, message.received_at, backlog=len(texts) > 1)

    def _read_text(self, text: bytes, now: datetime, *, backlog: bool) -> None:
        try:
            report, strange = decode_device_report(text)
        except Rejected as error:
            self.card.note("json", Verdict.FAIL, f"{error.detail}: {text[:80]!r}")
            return
        told = ", ".join(f"{name} = {shown}" for name, shown in strange.items())
        self.card.check("json", not strange, f"not numbers: {told}")
        self._read_report(report, now, backlog=backlog)

    def _read_report(self, report: DeviceReport, now: datetime, *, backlog: bool) -> None:
        card = self.card
        told = f"the report says {report.device!r}, the topic {card.subject!r}"
        card.check("device", report.device in (None, card.subject), told)
        at = from_ms(report.at) if isinstance(report.at, int) else report.at
        self._times.append(at)
        if not backlog:
            check_clock(card, "at", at, now)
        self._check_seq(report.seq)
        unknown = [name for name in report.readings if name not in FACTORS]
        card.check("factors", not unknown, f"not known: {', '.join(unknown)}")
        card.check("factors", report.readings, "a report without readings")
        wrong = [f"{name}={flag}" for name, flag in report.flags.items() if flag not in FLAGS]
        card.check("json_flags", not wrong, ", ".join(wrong))
        check_values(card, report.readings, report.flags)

    def _check_seq(self, seq: int | None) -> None:
        last, self._last_seq = self._last_seq, seq
        if seq is None:
            self.card.note("seq", Verdict.WARN, "no seq: losses can only be estimated")
        elif last is not None:
            self.card.check("seq", seq == last + 1, f"{seq} after {last}", Verdict.WARN)


def broker_settings(url: str) -> Mqtt:
    """Where and as whom to connect, of ``mqtt://user:password@host:1883``.

    Raises:
        ConfigError: it is no such address.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port or 1883
    except ValueError as error:
        raise ConfigError(f"{url!r}: {error}; write mqtt://user:password@host:1883") from error
    if parts.scheme != "mqtt" or host is None:
        raise ConfigError(f"{url!r} is no broker; write mqtt://user:password@host:1883")
    return Mqtt(
        host=host,
        port=port,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        client_id=f"yanchen-conformance-{secrets.token_hex(4)}",  # two examinations do not cut each other off
    )


async def examine_publications(
    settings: Mqtt, devices: Iterable[str], span: timedelta, expected: Expected
) -> list[Card]:
    """Read along for so long, and leave nothing at the broker.

    Args:
        settings: the broker, and an account that may read the devices' topics.
        devices: whose topics.
        span: how long.
        expected: what is known of HJ 212 frames.

    Raises:
        Unavailable: the broker does not answer, or refuses us.
    """
    readers = {device: Reader(device, expected) for device in devices}
    subscription = Subscription(wanted=[f"{MQTT_ROOT}/{device}/#" for device in readers])
    async with open_subscriber(settings, subscription, lasting=False) as subscriber:
        with suppress(TimeoutError):
            async with asyncio.timeout(span.total_seconds()):
                while True:
                    messages = await subscriber.take(_TAKEN_AT_ONCE)
                    for message in messages:
                        readers[message.topic.split("/")[2]].read(message)
                    subscriber.acknowledge(messages)
    return [reader.end() for reader in readers.values()]
