"""``POST /api/context``: the city's system sends its PM10 and AQI (docs/context.md)."""

import hmac
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse

from app.context_import import read_values
from domain.errors import ConfigError
from runtime.context import store_context
from runtime.database import Pool
from runtime.settings import Settings

_MOST_BYTES: Final = 1 << 20


def create_router(pool: Pool, settings: Settings) -> APIRouter:
    """The endpoint; without a token in the settings it refuses everybody."""
    router = APIRouter()

    @router.post("/api/context")
    async def receive(request: Request, authorization: Annotated[str, Header()] = "") -> JSONResponse:
        """Good rows are stored, whatever the others are: 200 if all are good, 422 if any is not."""
        if not _may(authorization, settings.web.context_token):
            remedy = "send Authorization: Bearer and the token of YANCHEN_WEB__CONTEXT_TOKEN"
            return JSONResponse({"detail": remedy}, 401, {"WWW-Authenticate": "Bearer"})
        body = await _body(request)
        if body is None:
            return JSONResponse({"detail": f"more than {_MOST_BYTES} bytes; send less at once"}, 413)
        try:
            read = read_values(settings, body, "the body")
        except ConfigError as error:
            return JSONResponse({"detail": str(error)}, 422)
        changes = await store_context(pool, read.values, settings.rules.lateness)
        told = {
            "new": changes.new,
            "changed": changes.changed,
            "unchanged": changes.unchanged,
            "faults": msgspec.to_builtins(read.faults),
        }
        return JSONResponse(told, 422 if read.faults else 200)

    return router


def _may(authorization: str, token: str) -> bool:
    scheme, _, given = authorization.partition(" ")
    return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode())


async def _body(request: Request) -> bytes | None:
    """The body, unless it is too long."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            return None
    return bytes(body)
