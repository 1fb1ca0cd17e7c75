"""The door to MQTT: a persistent session that acknowledges only when told to.

The broker may have ``receive_maximum`` messages on their way to us; that is the bound on
what we hold, and the back-pressure. A message is acknowledged on the connection that
brought it: after a reconnect the broker sends it again under a number that may by then
belong to another message, so what came over the old connection is forgotten, not acknowledged.

The packets are mqtt5's, a codec without I/O: receiving with paho alone costs four times as
much as this door and all that follows it (docs/performance.md). What is ours is the
conversation: connect, subscribe, take, acknowledge, ping, and connect again.
"""

import asyncio
import contextlib
import random
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import mqtt5
import msgspec
import structlog

from domain.errors import ConfigError, Unavailable
from runtime.settings import Mqtt as MqttSettings

log = structlog.get_logger()

_SESSION_S: Final = 7 * 86_400
_PASSING_SESSION_S: Final = 60
_CONNECT_WAIT_S: Final = 15.0
_KEEP_ALIVE_S: Final = 30
_GOOD_BYE_S: Final = 2.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 15.0


class Message(msgspec.Struct, frozen=True, gc=False):
    """A publication, not acknowledged yet.

    Attributes:
        topic: where it was published.
        payload: as it came.
        received_at: when.
        packet_id: its number on the connection that brought it; none at QoS 0.
        connection: which connection that was, counted from 1.
        retained: kept by the broker from before we subscribed.
    """

    topic: str
    payload: bytes
    received_at: datetime
    packet_id: int | None = None
    connection: int = 0
    retained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a session subscribes to, and what it no longer wants of what it may have kept.

    A session outlives its process, with its filters: one that is not wanted any more must be taken back.
    """

    wanted: Sequence[str]
    unwanted: Sequence[str] = ()


class _Line(asyncio.Protocol):
    """One connection: packets in, packets out, and the sentence that says why it ended."""

    def __init__(self, number: int, on_change: Callable[[], None]) -> None:
        self.number = number
        self.arrived: deque[Message] = deque()
        self.answers: asyncio.Queue[mqtt5.Packet | None] = asyncio.Queue()
        self.lost: str | None = None
        self._on_change = on_change
        self._rest = b""
        self._heard = False
        self._transport: asyncio.Transport | None = None
        self._pinging: asyncio.TimerHandle | None = None

    def send(self, *packets: bytes) -> None:
        """Write packets; into the void when the connection is gone."""
        if self._transport is not None:
            self._transport.write(b"".join(packets))

    async def answer(self, question: bytes) -> mqtt5.Packet:
        """Write a packet and wait for what answers it.

        Raises:
            ConnectionError: the broker hung up instead.
        """
        self.send(question)
        packet = await self.answers.get()
        if packet is None:
            raise ConnectionError(self.lost)
        return packet

    def keep_alive(self) -> None:
        """Ping every half interval; a broker that was silent for that long is gone."""
        self._heard = False
        self.send(mqtt5.PingReqPacket().write())
        self._pinging = asyncio.get_running_loop().call_later(_KEEP_ALIVE_S / 2, self._check_alive)

    def _check_alive(self) -> None:
        if self._heard:
            self.keep_alive()
        else:
            self.hang_up("the broker does not answer our ping")

    def hang_up(self, why: str) -> None:
        """End the connection here and now."""
        self.lost = self.lost or why
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "a stream"
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = self.lost or f"the broker closed the connection{f': {exc}' if exc else ''}"
        if self._pinging is not None:
            self._pinging.cancel()
        self.answers.put_nowait(None)
        self._on_change()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        buffer = memoryview(self._rest + data if self._rest else data)
        now = datetime.now(UTC)
        try:
            while buffer:
                packet, size = mqtt5.read(buffer)
                buffer = buffer[size:]
                self._received(packet, now)
        except IndexError:  # mqtt5's word for a packet whose rest has not come yet
            pass
        except ValueError as error:
            self.hang_up(f"the broker sent what is not MQTT 5: {error}")
        self._rest = bytes(buffer)
        if self.arrived:
            self._on_change()

    def _received(self, packet: mqtt5.Packet, now: datetime) -> None:
        if isinstance(packet, mqtt5.PublishPacket):
            self.arrived.append(
                Message(packet.topic, packet.payload, now, packet.packet_id, self.number, packet.retain)
            )
        elif isinstance(packet, mqtt5.DisconnectPacket):
            self.hang_up(f"the broker said good-bye: {packet.reason_code.name}")
        elif not isinstance(packet, mqtt5.PingRespPacket):
            self.answers.put_nowait(packet)


class Subscriber:
    """Messages of one persistent session, in order of arrival."""

    def __init__(self, settings: MqttSettings, subscription: Subscription, *, lasting: bool = True) -> None:
        self._settings = settings
        self._subscription = subscription
        self._lasting = lasting
        self._tls = _tls(settings)
        self._changed = asyncio.Event()
        self._line = _Line(0, self._changed.set)
        self._line.lost = "not connected yet"

    async def connect(self) -> None:
        """Connect and subscribe.

        Raises:
            Unavailable: the broker does not answer, or refuses us.
        """
        number = self._line.number + 1
        try:
            async with asyncio.timeout(_CONNECT_WAIT_S):
                _, self._line = await asyncio.get_running_loop().create_connection(
                    lambda: _Line(number, self._changed.set),
                    self._settings.host,
                    self._settings.port,
                    ssl=self._tls,
                )
                await self._greet()
                await self._subscribe()
        except (OSError, TimeoutError) as error:
            self._line.hang_up("not greeted")
            raise Unavailable(f"the MQTT broker at {self._place} does not answer: {error!r}") from error
        self._line.keep_alive()

    async def _greet(self) -> None:
        hello = mqtt5.ConnectPacket(
            self._settings.client_id,
            username=self._settings.username,
            password=self._settings.password.encode() or None,
            clean_start=False,
            keep_alive=_KEEP_ALIVE_S,
            session_expiry_interval=_SESSION_S if self._lasting else _PASSING_SESSION_S,
            receive_max=self._settings.receive_maximum,
        )
        said = await self._line.answer(hello.write())
        if not isinstance(said, mqtt5.ConnAckPacket) or said.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
            reason = said.reason_code.name if isinstance(said, mqtt5.ConnAckPacket) else repr(said)
            self._line.hang_up("refused")
            raise Unavailable(f"the MQTT broker at {self._place} refuses us: {reason}; check YANCHEN_MQTT__*")

    async def _subscribe(self) -> None:
        """Take the wanted filters before the unwanted are given back: nothing falls in between."""
        wanted = [
            mqtt5.TopicFilter(name, max_qos=mqtt5.QoS.AT_LEAST_ONCE) for name in self._subscription.wanted
        ]
        if wanted:
            said = await self._line.answer(mqtt5.SubscribePacket(1, wanted).write())
            codes = said.reason_codes if isinstance(said, mqtt5.SubAckPacket) else []
            refused = [
                code.name for code in codes if code != mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE
            ]
            if refused or not codes:
                self._line.hang_up("refused")
                raise Unavailable(
                    f"the MQTT broker refuses our subscription: {', '.join(refused) or repr(said)}"
                )
        if self._subscription.unwanted:
            await self._line.answer(mqtt5.UnsubscribePacket(2, list(self._subscription.unwanted)).write())

    async def close(self) -> None:
        """Leave; the broker keeps a lasting session and what is not acknowledged of it."""
        line = self._line
        line.send(mqtt5.DisconnectPacket(session_expiry_interval=None if self._lasting else 0).write())
        # The broker hangs up; hanging up first, with messages unread, would take our last packets back.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOOD_BYE_S):
                while not line.lost:
                    self._changed.clear()
                    await self._changed.wait()
        line.hang_up("we left")

    async def take(self, most: int) -> list[Message]:
        """At least one message, at most ``most``; connects again, for as long as it takes, where it must."""
        while not self._line.arrived or self._line.lost:
            if self._line.lost:
                await self._connect_again()
            else:
                await self._changed.wait()
                self._changed.clear()
        arrived = self._line.arrived
        return [arrived.popleft() for _ in range(min(most, len(arrived)))]

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the broker that the next hop has these."""
        number = self._line.number
        self._line.send(
            *(
                mqtt5.PubAckPacket(message.packet_id).write()
                for message in messages
                if message.packet_id is not None and message.connection == number
            )
        )

    async def _connect_again(self) -> None:
        log.warning("mqtt_disconnected", reason=self._line.lost)
        pause = _FIRST_PAUSE_S
        while self._line.lost:
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, _LONGEST_PAUSE_S)
            try:
                await self.connect()
            except Unavailable as error:
                log.warning("mqtt_away", error=str(error), retry_in_s=round(pause, 1))
        log.info("mqtt_connected")

    @property
    def _place(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"


def _tls(settings: MqttSettings) -> ssl.SSLContext | None:
    """How the connection is encrypted, if it is.

    Raises:
        ConfigError: the files are no certificates and key.
    """
    if not settings.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca)
        if settings.tls_cert:
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise ConfigError(f"YANCHEN_MQTT__TLS_*: these are no certificates and key: {error}") from error
    return context


@asynccontextmanager
async def open_subscriber(
    settings: MqttSettings, subscription: Subscription, *, lasting: bool = True
) -> AsyncIterator[Subscriber]:
    """A connected subscriber at QoS 1.

    Args:
        settings: the broker, and our name there.
        subscription: what to hear.
        lasting: the broker keeps the session for a week after we left; else it forgets it when we
            leave, and a minute after we were cut off.

    Raises:
        Unavailable: the broker does not answer, or refuses us.
    """
    subscriber = Subscriber(settings, subscription, lasting=lasting)
    try:
        await subscriber.connect()
        yield subscriber
    finally:
        await subscriber.close()
