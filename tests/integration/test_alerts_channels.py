"""The contract of a channel, for each channel; the webhook against a real HTTP server."""

import hashlib
import hmac
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import httpx
import pytest
from alerts_receiver import Receiver, listening

from alerts.channels import Channel, OutcomeUnknown
from alerts.channels.page import PageChannel
from alerts.channels.webhook import WebhookChannel
from alerts.ladder import Step
from alerts.notice import Notice
from domain.errors import Unavailable, Undeliverable
from domain.instant import CHINA

NOTICE = Notice(
    notice_id=uuid.UUID(int=7),
    case_id=12,
    step=Step.FIRST,
    recipient="chengdong",
    channel="webhook",
    title="餐饮油烟超标告知",
    body="场所：老王烧烤",
    created_at=datetime(2026, 11, 21, 12, 11, tzinfo=CHINA),
)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening() as found:
        yield found


@pytest.fixture
async def webhook() -> AsyncIterator[WebhookChannel]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield WebhookChannel(client, "s3cret", clock=lambda: 1_790_000_000.9)


@pytest.fixture(params=["page", "webhook"])
def channel(request: pytest.FixtureRequest, webhook: WebhookChannel) -> Channel:
    return PageChannel() if request.param == "page" else webhook


async def test_a_channel_takes_a_notice_and_the_same_notice_again(
    channel: Channel, receiver: Receiver
) -> None:
    notice = replace(NOTICE, address=receiver.url)
    await channel.send(notice)
    await channel.send(notice)
    assert len({headers["idempotency-key"] for headers, _ in receiver.got}) <= 1


async def test_a_channel_changes_nothing_of_the_notice(channel: Channel, receiver: Receiver) -> None:
    notice = replace(NOTICE, address=receiver.url)
    await channel.send(notice)
    assert notice == replace(NOTICE, address=receiver.url)


async def test_the_webhook_is_signed_and_says_which_case(webhook: Channel, receiver: Receiver) -> None:
    await webhook.send(replace(NOTICE, address=receiver.url))
    headers, body = receiver.got[0]
    expected = hmac.new(b"s3cret", b"1790000000." + body, hashlib.sha256).hexdigest()
    assert headers["x-yanchen-signature"] == f"sha256={expected}"
    assert headers["x-yanchen-timestamp"] == "1790000000"
    assert headers["idempotency-key"] == str(NOTICE.notice_id)
    sent = json.loads(body)
    assert (sent["case"], sent["case_number"], sent["step"]) == (12, "YC-000012", 1)
    assert (sent["title"], sent["created_at"]) == (NOTICE.title, "2026-11-21T12:11:00+08:00")


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_any_2xx_is_a_yes(webhook: Channel, receiver: Receiver, status: int) -> None:
    receiver.status = status
    await webhook.send(replace(NOTICE, address=receiver.url))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_later_is_unavailable(webhook: Channel, receiver: Receiver, status: int) -> None:
    receiver.status = status
    with pytest.raises(Unavailable, match=str(status)) as caught:
        await webhook.send(replace(NOTICE, address=receiver.url))
    assert not isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 422])
async def test_a_refusal_is_undeliverable(webhook: Channel, receiver: Receiver, status: int) -> None:
    receiver.status = status
    with pytest.raises(Undeliverable, match=str(status)):
        await webhook.send(replace(NOTICE, address=receiver.url))


async def test_nobody_listening_is_unavailable(webhook: Channel) -> None:
    with pytest.raises(Unavailable) as caught:
        await webhook.send(replace(NOTICE, address="http://127.0.0.1:1/"))
    assert not isinstance(caught.value, OutcomeUnknown)


async def test_no_answer_after_the_request_is_an_unknown_outcome(
    webhook: Channel, receiver: Receiver
) -> None:
    receiver.silent = True
    with pytest.raises(OutcomeUnknown):
        await webhook.send(replace(NOTICE, address=receiver.url))


@pytest.mark.parametrize("address", [None, "", "ftp://squad/", "no address"])
async def test_no_address_is_undeliverable(webhook: Channel, address: str | None) -> None:
    with pytest.raises(Undeliverable):
        await webhook.send(replace(NOTICE, address=address))
