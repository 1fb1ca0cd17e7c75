"""Many MQTT connections in one light process: ``python -m benchmarks.publisher``, a job as JSON on its input.

Not the simulators' door: ten thousand of paho's clients do not fit one process, and a benchmark
must not spend on publishing what it wants to measure. Each connection waits for its acknowledgements.
"""

import asyncio
import json
import random
import sys
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

import mqtt5
import msgspec


class Job(msgspec.Struct, frozen=True):
    """What to publish.

    Attributes:
        host: of the broker.
        port: of the broker.
        username: who may publish for all devices.
        password: of that user.
        first: number of the first device; each has a connection of its own.
        devices: how many devices.
        reports: of each device.
        interval_s: between two reports of a device; 0 is as fast as they are acknowledged.
        window: most unacknowledged reports of a connection.
    """

    host: str
    port: int
    username: str
    password: str
    first: int
    devices: int
    reports: int
    interval_s: float = 0.0
    window: int = 1


def report(device: str, seq: int) -> bytes:
    """The bytes of one PUBLISH packet, but for its number."""
    body = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "seq": seq,
        "readings": {"oil_fume": 0.82, "nmhc": 5.6, "fan_current": 3.1, "purifier_current": 2.2},
    }
    packet = mqtt5.PublishPacket(
        f"yanchen/v1/{device}/readings",
        json.dumps(body).encode(),
        qos=mqtt5.QoS.AT_LEAST_ONCE,
        packet_id=seq % 65_535 + 1,
    )
    return packet.write()


class Line(asyncio.Protocol):
    """One device's connection."""

    def __init__(self, job: Job, device: str) -> None:
        self.job = job
        self.device = device
        self.sent = self.confirmed = 0
        self.began = deque[float]()
        self.slowest = 0.0
        loop = asyncio.get_running_loop()
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "a stream"
        self.transport = transport
        hello = mqtt5.ConnectPacket(
            f"benchmark-{self.device}",
            username=self.job.username,
            password=self.job.password.encode(),
            clean_start=True,
        )
        transport.write(hello.write())

    def connection_lost(self, exc: Exception | None) -> None:
        for waiting in (self.greeted, self.done):
            if not waiting.done():
                waiting.set_exception(ConnectionError(f"{self.device}: {exc}"))

    def data_received(self, data: bytes) -> None:
        buffer = memoryview(self._rest + data)
        while buffer:
            try:
                packet, size = mqtt5.read(buffer)
            except IndexError:
                break
            buffer = buffer[size:]
            if isinstance(packet, mqtt5.PubAckPacket):
                self.confirmed += 1
                self.slowest = max(self.slowest, time.monotonic() - self.began.popleft())
            elif isinstance(packet, mqtt5.ConnAckPacket) and not self.greeted.done():
                self.greeted.set_result(None)
        self._rest = bytes(buffer)
        if self.confirmed == self.job.reports:
            if not self.done.done():
                self.done.set_result(None)
        elif self.job.interval_s == 0 and self.sent:
            self.fill()

    def fill(self) -> None:
        """Publish as many as the window has room for."""
        packets = []
        while self.sent < self.job.reports and self.sent - self.confirmed < self.job.window:
            packets.append(self.next_report())
        self.transport.write(b"".join(packets))

    def next_report(self) -> bytes:
        """The packet of the device's next report."""
        self.sent += 1
        self.began.append(time.monotonic())
        return report(self.device, self.sent)

    async def pace(self) -> None:
        """Publish one report every interval, from a chance moment of it."""
        loop = asyncio.get_running_loop()
        due = loop.time() + random.uniform(0, self.job.interval_s)
        for _ in range(self.job.reports):
            await asyncio.sleep(due - loop.time())
            self.transport.write(self.next_report())
            due += self.job.interval_s


async def connect(job: Job) -> list[Line]:
    """All connections, some at a time."""
    gate = asyncio.Semaphore(100)

    async def one(number: int) -> Line:
        async with gate:
            _, line = await asyncio.get_running_loop().create_connection(
                lambda: Line(job, f"d{number:05}"), job.host, job.port
            )
            await line.greeted
            return line

    return await asyncio.gather(*(one(number) for number in range(job.first, job.first + job.devices)))


async def publish(job: Job) -> Sequence[Line]:
    """Connect all, say so, wait for the word to begin, publish, and return when all is acknowledged."""
    lines = await connect(job)
    print("connected", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    if job.interval_s:
        await asyncio.gather(*(line.pace() for line in lines))
    else:
        for line in lines:
            line.fill()
    async with asyncio.timeout(120):
        await asyncio.gather(*(line.done for line in lines))
    return lines


def main() -> None:
    lines = asyncio.run(publish(msgspec.json.decode(sys.stdin.readline(), type=Job)))
    slowest = max(line.slowest for line in lines)
    print(json.dumps({"confirmed": sum(line.confirmed for line in lines), "slowest_s": round(slowest, 3)}))


if __name__ == "__main__":
    main()
