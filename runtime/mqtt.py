"""The door to MQTT: a persistent session that acknowledges only when told to.

The broker may have ``receive_maximum`` messages on their way to us; that is the bound on
what we hold, and the back-pressure. A message is acknowledged on the connection that
brought it: after a reconnect the broker sends it again under a number that may by then
belong to another message, so what came over the old connection is forgotten, not acknowledged.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from domain.errors import ConfigError, Unavailable
from runtime.settings import Mqtt as MqttSettings

log = structlog.get_logger()

_SESSION_S: Final = 7 * 86_400
_CONNECT_WAIT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Message:
    """A publication, not acknowledged yet."""

    topic: str
    payload: bytes
    retained: bool
    received_at: datetime
    mid: int
    qos: int
    connection: int


class Subscriber:
    """Messages of one persistent session, in order of arrival."""

    def __init__(self, settings: MqttSettings, filters: Sequence[str]) -> None:
        self._settings = settings
        self._filters = filters
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[Message | Unavailable] = asyncio.Queue()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._connection = 0
        self._client = self._make_client()

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._settings.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        client.username_pw_set(self._settings.username, self._settings.password or None)
        if self._settings.tls:
            _use_tls(client, self._settings)
        client.reconnect_delay_set(1, 15)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    async def connect(self) -> None:
        """Connect and subscribe.

        Raises:
            Unavailable: the broker does not answer, or refuses us.
        """
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = _SESSION_S
        properties.ReceiveMaximum = self._settings.receive_maximum
        try:
            await asyncio.to_thread(
                self._client.connect,
                self._settings.host,
                self._settings.port,
                keepalive=30,
                clean_start=False,
                properties=properties,
            )
            self._client.loop_start()
            await asyncio.wait_for(self._ready, _CONNECT_WAIT_S)
        except (OSError, TimeoutError) as error:
            raise Unavailable(f"the MQTT broker at {self._place} does not answer: {error!r}") from error

    async def close(self) -> None:
        """Leave; the broker keeps the session and what is not acknowledged."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    async def take(self, most: int) -> list[Message]:
        """At least one message, at most ``most``, of the connection of now.

        Raises:
            Unavailable: the broker refuses us for good.
        """
        first = await self._arrived.get()
        taken = [first]
        while len(taken) < most and not self._arrived.empty():
            taken.append(self._arrived.get_nowait())
        for item in taken:
            if isinstance(item, Unavailable):
                raise item
        return [item for item in taken if isinstance(item, Message) and item.connection == self._connection]

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the broker that the next hop has these."""
        for message in messages:
            if message.qos and message.connection == self._connection:
                self._client.ack(message.mid, message.qos)

    @property
    def _place(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    # paho calls the following on its own thread.

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._fail(f"the MQTT broker at {self._place} refuses us: {reason}; check YANCHEN_MQTT__*")
            return
        self._connection += 1
        options = SubscribeOptions(qos=1)
        client.subscribe([(name, options) for name in self._filters])

    def _on_subscribe(self, _client: Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._fail(f"the MQTT broker refuses our subscription: {', '.join(refused)}")
            return
        self._loop.call_soon_threadsafe(self._set_ready)

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.warning("mqtt_disconnected", reason=str(reason))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        arrived = Message(
            topic=message.topic,
            payload=bytes(message.payload),
            retained=message.retain,
            received_at=datetime.now(UTC),
            mid=message.mid,
            qos=message.qos,
            connection=self._connection,
        )
        self._loop.call_soon_threadsafe(self._arrived.put_nowait, arrived)

    def _fail(self, sentence: str) -> None:
        self._loop.call_soon_threadsafe(self._set_failed, Unavailable(sentence))

    def _set_ready(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)

    def _set_failed(self, error: Unavailable) -> None:
        if self._ready.done():
            self._arrived.put_nowait(error)
        else:
            self._ready.set_exception(error)


def _use_tls(client: Client, settings: MqttSettings) -> None:
    ca, cert, key = (
        str(file) if file else None for file in (settings.tls_ca, settings.tls_cert, settings.tls_key)
    )
    try:
        client.tls_set(ca, cert, key)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise ConfigError(f"YANCHEN_MQTT__TLS_*: these are no certificates and key: {error}") from error


@asynccontextmanager
async def open_subscriber(settings: MqttSettings, filters: Sequence[str]) -> AsyncIterator[Subscriber]:
    """A connected subscriber at QoS 1.

    Raises:
        Unavailable: the broker does not answer, or refuses us.
    """
    subscriber = Subscriber(settings, filters)
    try:
        await subscriber.connect()
        yield subscriber
    finally:
        with contextlib.suppress(OSError):
            await subscriber.close()
