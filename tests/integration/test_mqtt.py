"""The MQTT door on a real broker: what is not acknowledged comes again, and members lose nothing."""

import asyncio
import uuid
from collections.abc import Iterable, Sequence

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from app.embedded.stack import Stack
from domain.errors import Unavailable
from domain.topics import Channel, mqtt_topic
from ingest.members import subscription
from runtime.mqtt import Message, Subscriber, Subscription, open_subscriber
from runtime.settings import Mqtt


def session(stack: Stack, name: str, **changes: object) -> Mqtt:
    ends = stack.endpoints
    ours = Mqtt(
        host=ends.mqtt_host,
        port=ends.mqtt_port,
        username=ends.mqtt_user,
        password=ends.mqtt_password,
        client_id=name,
    )
    return ours.model_copy(update=changes)


def of(device: str) -> Subscription:
    return Subscription(wanted=(mqtt_topic(device, Channel.READINGS),))


@pytest.fixture
def name() -> str:
    return f"test-{uuid.uuid4().hex[:8]}"


async def publish(stack: Stack, device: str, payloads: Iterable[bytes]) -> None:
    """Publish at QoS 1 and return when the broker has confirmed all."""
    ends = stack.endpoints

    def work() -> None:
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.username_pw_set(ends.mqtt_user, ends.mqtt_password)
        client.connect(ends.mqtt_host, ends.mqtt_port)
        client.loop_start()
        topic = mqtt_topic(device, Channel.READINGS)
        for info in [client.publish(topic, payload, qos=1) for payload in payloads]:
            info.wait_for_publish(30)
        client.disconnect()
        client.loop_stop()

    await asyncio.to_thread(work)


def numbers(first: int, last: int) -> list[bytes]:
    return [str(number).encode() for number in range(first, last)]


async def take(subscriber: Subscriber, count: int) -> list[Message]:
    taken: list[Message] = []
    async with asyncio.timeout(30):
        while len(taken) < count:
            taken += await subscriber.take(count - len(taken))
    return taken


def payloads(messages: Sequence[Message]) -> list[bytes]:
    return [message.payload for message in messages]


async def test_a_session_that_is_not_lasting_leaves_nothing(stack: Stack, name: str) -> None:
    async with open_subscriber(session(stack, name), of(name), lasting=False) as subscriber:
        await publish(stack, name, numbers(0, 2))
        subscriber.acknowledge((await take(subscriber, 2))[:1])
    await publish(stack, name, numbers(2, 4))
    async with open_subscriber(session(stack, name), of(name)) as again:
        await publish(stack, name, numbers(4, 5))
        assert payloads(await take(again, 1)) == numbers(4, 5)


async def test_what_was_not_acknowledged_comes_again_in_order(stack: Stack, name: str) -> None:
    async with open_subscriber(session(stack, name), of(name)) as subscriber:
        await publish(stack, name, numbers(0, 10))
        taken = await take(subscriber, 10)
        assert payloads(taken) == numbers(0, 10)
        subscriber.acknowledge(taken[:4])
    async with open_subscriber(session(stack, name), of(name)) as again:
        rest = await take(again, 6)
        assert payloads(rest) == numbers(4, 10)
        again.acknowledge(rest)


async def test_no_more_are_on_their_way_than_we_said(stack: Stack, name: str) -> None:
    async with open_subscriber(session(stack, name, receive_maximum=3), of(name)) as subscriber:
        await publish(stack, name, numbers(0, 7))
        first = await take(subscriber, 3)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await subscriber.take(1)
        subscriber.acknowledge(first)
        assert payloads(await take(subscriber, 3)) == numbers(3, 6)


async def test_a_publication_larger_than_one_read(stack: Stack, name: str) -> None:
    large = bytes(range(256)) * 3900
    async with open_subscriber(session(stack, name), of(name)) as subscriber:
        await publish(stack, name, [large, b"small"])
        assert payloads(await take(subscriber, 2)) == [large, b"small"]


async def test_it_connects_again_and_forgets_what_the_old_connection_brought(stack: Stack, name: str) -> None:
    async with open_subscriber(session(stack, name), of(name)) as subscriber:
        await publish(stack, name, numbers(0, 5))
        old = await take(subscriber, 5)
        await stack.mqtt.restart()
        again = await take(subscriber, 5)
        assert payloads(again) == payloads(old)
        subscriber.acknowledge(old)  # of a connection that is gone: nothing happens
        subscriber.acknowledge(again)
        await publish(stack, name, numbers(5, 7))
        assert payloads(await take(subscriber, 2)) == numbers(5, 7)


async def test_a_refusal_says_what_to_check(stack: Stack, name: str) -> None:
    with pytest.raises(Unavailable, match="YANCHEN_MQTT__"):
        async with open_subscriber(session(stack, name, password="wrong"), of(name)):
            pass


async def test_no_broker_is_unavailable(stack: Stack, name: str) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        async with open_subscriber(session(stack, name, port=1), of(name)):
            pass


async def test_members_share_and_one_that_was_away_finds_its_share(stack: Stack, name: str) -> None:
    def member(number: int) -> tuple[Mqtt, Subscription]:
        return session(stack, f"{name}-{number}"), subscription(number, 2)

    seen: list[bytes] = []
    async with open_subscriber(*member(0)) as first:
        async with open_subscriber(*member(1)) as second:
            await publish(stack, name, numbers(0, 20))
            for subscriber in (first, second):
                half = await take(subscriber, 10)
                seen += payloads(half)
                subscriber.acknowledge(half)
        await publish(stack, name, numbers(20, 40))
        mine = await take(first, 10)
        seen += payloads(mine)
        first.acknowledge(mine)
        async with open_subscriber(*member(1)) as back:
            kept = await take(back, 10)
            seen += payloads(kept)
            back.acknowledge(kept)
    assert sorted(seen, key=int) == numbers(0, 40)
    await leave(stack, f"{name}-0", f"{name}-1")


async def test_fewer_members_take_everything_and_the_one_that_leaves_empties_its_queue(
    stack: Stack, name: str
) -> None:
    ids = f"{name}-0", f"{name}-1"
    for number in (0, 1):
        async with open_subscriber(session(stack, ids[number]), subscription(number, 2)):
            pass
    await publish(stack, name, numbers(0, 10))  # half of it waits for each
    async with (
        open_subscriber(session(stack, ids[0]), subscription(0, 1)) as first,
        open_subscriber(session(stack, ids[1]), subscription(1, 1)) as leaving,
    ):
        old = await take(leaving, 5)
        leaving.acknowledge(old)
        await publish(stack, name, numbers(10, 20))
        new = await take(first, 15)
        first.acknowledge(new)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await leaving.take(1)
    assert sorted(payloads([*old, *new]), key=int) == numbers(0, 20)
    await leave(stack, *ids)


async def leave(stack: Stack, *ids: str) -> None:
    """Give all filters back, so that no session of a test takes another test's share."""
    everything = (*subscription(0, 1).wanted, *subscription(0, 2).wanted)
    for name in ids:
        async with open_subscriber(session(stack, name), Subscription(wanted=(), unwanted=everything)):
            pass
