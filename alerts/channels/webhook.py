"""A signed POST to the squad's own system, such as the city's command platform or a chat gateway.

The receiver checks ``X-Yanchen-Signature`` over ``timestamp + "." + body`` and remembers
``Idempotency-Key``: the same notice may come more than once, always with the same key.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Final

import httpx
import msgspec

from alerts.channels import OutcomeUnknown
from alerts.notice import Notice, case_number
from domain.errors import Unavailable, Undeliverable
from domain.instant import iso

TIMEOUT_S: Final = 10.0
_LATER: Final = frozenset({408, 425, 429})
# These end before a byte of the request has left.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class WebhookChannel:
    """Posts notices as JSON.

    Args:
        client: sends; the caller closes it.
        secret: HMAC-SHA256 key shared with the receivers; empty sends unsigned.
        clock: epoch seconds, for the timestamp.
    """

    def __init__(
        self, client: httpx.AsyncClient, secret: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._secret = secret
        self._clock = clock

    async def send(self, notice: Notice) -> None:
        """Post it; any 2xx is a yes.

        Raises:
            OutcomeUnknown: the connection broke, or time ran out, after the request had begun.
            Unavailable: not reached, or told to come later.
            Undeliverable: no address, or refused.
        """
        if not notice.address:
            raise Undeliverable(f"{notice.recipient} has no webhook_url in the register")
        body = payload(notice)
        try:
            answer = await self._client.post(
                notice.address, content=body, headers=self._headers(notice, body), timeout=TIMEOUT_S
            )
        except _NOT_SENT as error:
            raise Unavailable(f"webhook not reached: {error!r}") from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Undeliverable(f"webhook_url of {notice.recipient} is no HTTP address: {error}") from error
        except httpx.TransportError as error:
            raise OutcomeUnknown(f"no answer from the webhook: {error!r}") from error
        _judge(answer)

    def _headers(self, notice: Notice, body: bytes) -> dict[str, str]:
        stamp = str(int(self._clock()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": str(notice.notice_id),
            "X-Yanchen-Timestamp": stamp,
        }
        if self._secret:
            headers["X-Yanchen-Signature"] = f"sha256={signature(self._secret, stamp, body)}"
        return headers


def payload(notice: Notice) -> bytes:
    """The JSON that a receiver gets."""
    return msgspec.json.encode(
        {
            "notice": str(notice.notice_id),
            "case": notice.case_id,
            "case_number": case_number(notice.case_id),
            "step": int(notice.step),
            "recipient": notice.recipient,
            "title": notice.title,
            "body": notice.body,
            "created_at": iso(notice.created_at),
        }
    )


def signature(secret: str, stamp: str, body: bytes) -> str:
    """HMAC-SHA256 over timestamp, a dot and the body, in hex."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _judge(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    if answer.status_code in _LATER or answer.is_server_error:
        raise Unavailable(f"webhook answered {answer.status_code}")
    raise Undeliverable(f"webhook refused: {answer.status_code} {answer.text[:200]!r}")
