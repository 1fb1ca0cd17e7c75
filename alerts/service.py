"""The alerts service: read evaluations, deliver notices, keep the clocks."""

import asyncio
from collections.abc import Iterable, Mapping

import httpx

from alerts.channels import Channel
from alerts.channels.page import PageChannel
from alerts.channels.webhook import WebhookChannel
from alerts.consumer import CONSUMER, consume
from alerts.notice import ChannelName
from alerts.outbox import Tools, work
from alerts.policy import Policy
from domain.allowance import Allowed
from domain.topics import EVALUATIONS
from runtime.database import Pool, open_pool
from runtime.kafka import Place, Stream, open_stream
from runtime.offsets import start_offsets
from runtime.settings import Settings


async def run(settings: Settings, allowed: Allowed | None = None) -> None:
    """Run until cancelled; when one half fails, both end.

    Args:
        settings: the settings.
        allowed: exceeding windows a day that standards allow; the shell knows the packs.

    Raises:
        Unavailable: a neighbour is away (inside an exception group).
    """
    policy = Policy.of(settings, allowed)
    async with open_pool(settings.database) as pool, _web_client() as client:
        tools = Tools(pool=pool, channels=channels(settings, client), policy=policy)
        async with asyncio.TaskGroup() as group:
            group.create_task(_read(settings, pool, policy), name="evaluations")
            group.create_task(work(settings.database.url, tools), name="outbox")


def channels(settings: Settings, client: httpx.AsyncClient) -> Mapping[str, Channel]:
    """Every channel by its name."""
    return {
        ChannelName.PAGE: PageChannel(),
        ChannelName.WEBHOOK: WebhookChannel(client, settings.alerts.webhook_secret),
    }


def _web_client() -> httpx.AsyncClient:
    # Proxies of the environment are for the internet; a squad's system is in the city's own network.
    return httpx.AsyncClient(trust_env=False)


async def _read(settings: Settings, pool: Pool, policy: Policy) -> None:
    async def start_at(_: Stream, places: Iterable[Place]) -> Mapping[Place, int]:
        return await start_offsets(pool, CONSUMER, places)

    async with open_stream(settings.kafka, [EVALUATIONS], CONSUMER, start_at) as stream:
        await consume(pool, stream, policy)
