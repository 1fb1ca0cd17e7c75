"""Who may see the wall: a screen that knows the wall's token, or any account."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Query, Request

from runtime.accounts import LoginNeeded, person_of

_REMEMBERED: Final = "wall"


def viewer(wall_token: str) -> Callable[..., Awaitable[None]]:
    """A dependency that lets in whoever may look; the token is remembered by the login cookie.

    Args:
        wall_token: the right token; empty opens nothing.
    """
    # The cookie keeps a digest, so that a changed token shuts out who knew the old one.
    digest = hashlib.sha256(b"yanchen wall " + wall_token.encode()).hexdigest()

    async def check(request: Request, token: Annotated[str | None, Query()] = None) -> None:
        """Raise ``LoginNeeded`` unless the token is right, remembered, or somebody is logged in."""
        if wall_token and token is not None and hmac.compare_digest(token.encode(), wall_token.encode()):
            request.session[_REMEMBERED] = digest
            return
        remembered = str(request.session.get(_REMEMBERED, ""))
        if wall_token and hmac.compare_digest(remembered.encode(), digest.encode()):
            return
        if person_of(request) is None:
            raise LoginNeeded

    return check
