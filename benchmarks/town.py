"""A register of many devices and the servers of the embedded stack: where benchmarks take place."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.embedded.ports import free_port
from app.embedded.stack import Stack
from app.fleet import environment
from domain.register import City, GridCell, GridLevel, Monitor, Place
from domain.site import Protocol, SiteKind
from runtime.database import open_pool
from runtime.migrations import migrate
from runtime.register import import_city
from runtime.settings import Database


def city(devices: int) -> City:
    """One restaurant with so many monitors, ``d00000`` and on."""
    return City(
        cells=(GridCell(code="320600", name="临江市", level=GridLevel.CITY),),
        places=(
            Place(
                site="r1",
                name="老街面馆",
                kind=SiteKind.RESTAURANT,
                area="320602",
                grid_code="320600",
                lon=120.8,
                lat=32.0,
            ),
        ),
        monitors=tuple(
            Monitor(device=f"d{number:05}", site="r1", protocol=Protocol.MQTT) for number in range(devices)
        ),
    )


@asynccontextmanager
async def servers(devices: int) -> AsyncIterator[tuple[Stack, dict[str, str]]]:
    """A stack whose database knows the devices, and the services' environment."""
    with tempfile.TemporaryDirectory(prefix="yanchen-benchmark-") as folder:
        async with Stack(Path(folder), durable=False) as stack:
            migrate(stack.endpoints.database_url)
            async with open_pool(Database(url=stack.endpoints.database_url)) as pool:
                await import_city(pool, city(devices))
            env = environment(stack.endpoints, hj212_port=free_port(), web_port=free_port(), more={})
            yield stack, env
