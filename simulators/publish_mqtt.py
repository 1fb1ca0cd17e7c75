"""Publishing by MQTT 5 with QoS 1, over a few connections that share the devices.

The connections log in with an account that may publish for every device. A device stays on
its connection, so its reports stay in order. The broker says how many unacknowledged
messages it takes at once; this door keeps to that itself, because paho does not.
"""

import asyncio
import uuid
import zlib
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from domain.errors import ConfigError, Unavailable
from simulators.door import PATIENCE_S, InFlight, Settle
from simulators.publication import Publication

_CONNECT_WAIT_S: Final = 10.0
_SESSION_S: Final = 3600
_LOSSES: Final = 4
_DEFAULT_RECEIVE_MAXIMUM: Final = 65_535  # MQTT 5, 3.2.2.3.3: when the broker does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttTarget:
    """A broker and how to talk to it.

    Attributes:
        host: of the broker.
        port: of the broker.
        username: an account that may publish for all devices; none logs in without.
        password: its password.
        tls: whether the connection is encrypted.
        connections: how many connections share the devices.
        window: most unacknowledged messages of a connection.
    """

    host: str
    port: int = 1883
    username: str | None = None
    password: str | None = None
    tls: bool = False
    connections: int = 4
    window: int = 500

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read ``mqtt://user:password@host:1883`` (or ``mqtts://``).

        Raises:
            ConfigError: it is no such address.
        """
        try:
            parts = urlsplit(url)
            tls = parts.scheme == "mqtts"
            port = parts.port or (8883 if tls else 1883)
        except ValueError as error:
            raise ConfigError(f"{url!r} is no MQTT address: {error}") from error
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise ConfigError(f"{url!r} is no MQTT address; write mqtt://user:password@host:1883")
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(host=parts.hostname, port=port, username=user, password=password, tls=tls)


class MqttDoor:
    """The MQTT door: some connections, every publication acknowledged once."""

    def __init__(self, target: MqttTarget, settle: Settle) -> None:
        run = uuid.uuid4().hex[:8]  # two simulations at once must not take each other's session
        self._in_flight = InFlight()
        self._lines = [
            _Line(target, f"yanchen-simulator-{run}-{index}", settle, self._in_flight)
            for index in range(target.connections)
        ]

    async def open(self) -> None:
        """Connect all.

        Raises:
            Unavailable: the broker does not answer, or refuses us.
        """
        await asyncio.gather(*(line.open() for line in self._lines))

    async def send(self, publication: Publication) -> None:
        """Publish; waits while the window of the device's connection is full."""
        await self._lines[zlib.crc32(publication.device.encode()) % len(self._lines)].send(publication)

    async def drain(self) -> None:
        """Wait for the acknowledgement of everything published."""
        await self._in_flight.wait_none()

    async def close(self) -> None:
        """Wait for what is on its way, settle the rest as unconfirmed, disconnect."""
        try:
            await asyncio.wait_for(self.drain(), PATIENCE_S)
        except TimeoutError:
            for line in self._lines:
                line.give_up()
        await asyncio.gather(*(line.close() for line in self._lines))


class _Line:
    """One connection."""

    def __init__(self, target: MqttTarget, name: str, settle: Settle, in_flight: InFlight) -> None:
        self._target = target
        self._settle = settle
        self._in_flight = in_flight
        self._pending: dict[int, Publication] = {}
        self._losses = 0  # connections lost since the last acknowledgement
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[int] = self._loop.create_future()
        self._room = asyncio.Semaphore(target.window)
        self._client = self._make_client(name)

    def _make_client(self, name: str) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5)
        if self._target.username:
            client.username_pw_set(self._target.username, self._target.password)
        if self._target.tls:
            client.tls_set()
        client.max_inflight_messages_set(0)  # no bound of paho's own: the semaphore is the bound
        client.reconnect_delay_set(1, 10)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        return client

    async def open(self) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = _SESSION_S
        place = f"{self._target.host}:{self._target.port}"
        try:
            await asyncio.to_thread(
                self._client.connect, self._target.host, self._target.port, 30, properties=properties
            )
            self._client.loop_start()
            allowed = await asyncio.wait_for(self._connected, _CONNECT_WAIT_S)
        except Unavailable:
            await self.close()  # else paho would go on trying
            raise
        except (OSError, TimeoutError) as error:
            await self.close()
            raise Unavailable(f"the MQTT broker at {place} does not answer: {error!r}") from error
        self._room = asyncio.Semaphore(min(self._target.window, allowed))

    async def send(self, publication: Publication) -> None:
        await self._room.acquire()
        if self._losses >= _LOSSES:
            self._room.release()
            raise Unavailable(
                f"the MQTT broker at {self._target.host}:{self._target.port} hangs up on every message: "
                f"may {self._target.username or 'anybody'} publish for all devices?"
            )
        info = self._client.publish(publication.topic, publication.payload, qos=1)
        if info.rc not in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN}:
            self._room.release()
            self._settle(publication, False)
            return
        # The acknowledgement comes through the loop that we are in, so it cannot overtake this line.
        self._pending[info.mid] = publication
        self._in_flight.begin()

    def give_up(self) -> None:
        for mid in list(self._pending):
            self._done(mid, confirmed=False)

    async def close(self) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _done(self, mid: int, *, confirmed: bool) -> None:
        publication = self._pending.pop(mid, None)
        if publication is None:
            return
        if confirmed:
            self._losses = 0
        self._room.release()
        self._settle(publication, confirmed)
        self._in_flight.end()

    def _lost(self) -> None:
        """Give up where the broker hangs up on what we send again: mosquitto may do so on a denial."""
        self._losses += 1
        if self._losses >= _LOSSES:
            self.give_up()

    # paho calls the following on its own thread.

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        allowed = getattr(properties, "ReceiveMaximum", _DEFAULT_RECEIVE_MAXIMUM)
        failure = str(reason) if reason.is_failure else None
        self._loop.call_soon_threadsafe(self._greeted, allowed, failure)

    def _greeted(self, allowed: int, failure: str | None) -> None:
        if self._connected.done():
            return  # a reconnection: the same broker with the same bound
        if failure is None:
            self._connected.set_result(allowed)
        else:
            place = f"{self._target.host}:{self._target.port}"
            self._connected.set_exception(Unavailable(f"the MQTT broker at {place} refuses us: {failure}"))

    def _on_publish(self, _client: Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        confirmed = not reason.is_failure
        self._loop.call_soon_threadsafe(lambda: self._done(mid, confirmed=confirmed))

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._loop.call_soon_threadsafe(self._lost)
