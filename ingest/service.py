"""The two services of this room: ``yanchen ingest`` (both doors) and ``yanchen writer``."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import structlog

from domain.errors import Unavailable
from ingest.admission import Bounds
from ingest.commands import Patience
from ingest.gateway import Gateway
from ingest.hj212.command import Ending
from ingest.intake import Intake
from ingest.make_up_rounds import Ask, keep_making_up
from ingest.members import client_id, subscription
from ingest.mqtt_door import run_mqtt_door
from ingest.presence import Presence
from ingest.writer import CONSUMER, TOPICS, run_writer
from runtime.database import open_pool
from runtime.kafka import Place, Stream, open_producer, open_stream
from runtime.mqtt import open_subscriber
from runtime.offsets import start_offsets
from runtime.register import Register
from runtime.settings import Settings

log = structlog.get_logger()

_GATHER_MS: Final = 200
"""A transaction costs the writer about as much as a hundred reports do."""


async def run_ingest(settings: Settings) -> None:
    """Both doors: the MQTT session and the HJ 212 gateway.

    Once the register has been read, the doors need the database no more: reports go on into Kafka.

    Raises:
        Unavailable: Kafka is away, or at the start any neighbour; nothing unconfirmed was acknowledged.
    """
    session = settings.mqtt.model_copy(update={"client_id": client_id(settings)})
    bounds = Bounds(max_future=settings.ingest.max_future, max_age=settings.ingest.max_age)
    async with open_pool(settings.database) as pool, open_producer(settings.kafka) as producer:
        register = Register(pool)
        await register.refresh()
        intake, presence = Intake(producer), Presence(pool)
        gateway = Gateway(
            intake.publish,
            lambda: register.devices,
            bounds,
            host=settings.ingest.hj212_host,
            port=settings.ingest.hj212_port,
            patience=Patience(clock_off=settings.ingest.hj212_clock_off),
        )
        async with (
            open_subscriber(
                session, subscription(settings.ingest.member, settings.ingest.members)
            ) as subscriber,
            gateway,  # after the subscription: an open port says that both doors are open
            asyncio.TaskGroup() as tasks,
        ):
            log.info("ingest_started", devices=len(register.devices), hj212_port=settings.ingest.hj212_port)
            tasks.create_task(_keep_register_fresh(register), name="register")
            tasks.create_task(presence.keep(), name="presence")
            tasks.create_task(
                keep_making_up(pool, _ask_of(gateway), settings.ingest.make_up_every), name="make-up"
            )
            tasks.create_task(
                run_mqtt_door(
                    subscriber,
                    register=lambda: register.devices,
                    bounds=bounds,
                    max_payload=settings.ingest.max_payload,
                    publish=intake.publish,
                    say_online=presence.say,
                ),
                name="mqtt",
            )


def _ask_of(gateway: Gateway) -> Ask:
    """The gateway's make-up command as the loop wants it; every member asks the devices that it holds."""

    async def ask(device: str, start: datetime, end: datetime) -> None:
        reply = await gateway.ask_make_up(device, start, end)
        if reply.ending is Ending.AWAY:
            raise Unavailable(reply.sentence)

    return ask


async def _keep_register_fresh(register: Register) -> None:
    """Read the register again and again; without a database the devices known are served on."""
    while True:
        try:
            await register.keep_fresh()
        except Unavailable as error:
            log.warning("register_waits", error=str(error))


async def run_writer_service(settings: Settings) -> None:
    """Kafka → TimescaleDB.

    Raises:
        Unavailable: a neighbour is away; what was not committed comes again.
    """
    async with open_pool(settings.database) as pool:
        register = Register(pool)
        await register.refresh()

        async def start_at(_stream: Stream, places: Iterable[Place]) -> Mapping[Place, int]:
            return await start_offsets(pool, CONSUMER, places)

        async with open_stream(
            settings.kafka, TOPICS, "yanchen-writer", start_at, gather_ms=_GATHER_MS
        ) as stream:
            log.info("writer_started")
            await run_writer(pool, stream, register)
