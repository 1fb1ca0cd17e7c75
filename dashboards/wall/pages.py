"""The wall's pages: the page itself, its state, its stream of changes, one site's panel."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request, Response, status
from fastapi.templating import Jinja2Templates
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.staticfiles import StaticFiles

from dashboards.wall.access import viewer
from dashboards.wall.broadcast import Broadcast
from dashboards.wall.sections import read_site
from dashboards.wall.snapshot import Snapshot, changes
from domain.factors import FACTORS
from runtime.database import Pool, transaction
from runtime.settings import Settings
from runtime.texts import load_texts, pick_lang

STATIC: Final = Path(__file__).parent.parent / "static"
_SECURITY: Final = {
    # The wall asks nothing of any other host; charts set style attributes.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FRESH: Final = {"Cache-Control": "no-store"}


class _Revalidated(StaticFiles):
    """Static files that a browser asks for anew, so that an upgrade reaches a wall that never closes."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def create_router(pool: Pool, settings: Settings, *, demo: bool = False) -> APIRouter:
    """The wall below ``/wall``.

    The application that includes it must have the session middleware, and answer
    ``runtime.accounts.LoginNeeded``.

    Args:
        pool: where it reads.
        settings: the wall's token.
        demo: mark every figure as made up.
    """
    router = APIRouter()
    guarded = APIRouter(dependencies=[Depends(viewer(settings.web.wall_token))], include_in_schema=False)
    broadcast = Broadcast(pool)
    _add_page(guarded, demo=demo)
    _add_state(guarded, broadcast)
    _add_site(guarded, pool)
    router.include_router(guarded)
    router.mount("/wall/static", _Revalidated(directory=STATIC), name="wall-static")
    return router


def _add_page(router: APIRouter, *, demo: bool) -> None:
    templates = Jinja2Templates(directory=Path(__file__).parent)
    texts = load_texts("dashboards")

    @router.get("/wall", name="wall")
    async def wall(request: Request, lang: str | None = None, theme: str | None = None) -> Response:
        chosen = pick_lang(lang)
        base = request.url_for("wall").path
        page = {
            "lang": chosen,
            "theme": "light" if theme == "light" else "dark",
            "demo": demo,
            "base": base,
            "texts": texts[chosen],
            "config": {
                "lang": chosen,
                "base": base,
                "build": build(),
                "texts": dict(texts[chosen]),
                "units": {factor.id: factor.unit for factor in FACTORS.values()},
                "factors": {
                    factor.id: factor.en if chosen == "en" else factor.zh for factor in FACTORS.values()
                },
            },
        }
        return templates.TemplateResponse(request, "wall.html", page, headers=_SECURITY | _FRESH)


def _add_state(router: APIRouter, broadcast: Broadcast) -> None:
    @router.get("/wall/state")
    async def state() -> Response:
        snapshot = await broadcast.newest()
        return _json({**_beat(snapshot), "values": snapshot.values})

    @router.get("/wall/events")
    async def events() -> EventSourceResponse:
        return EventSourceResponse(_events(broadcast), headers=_FRESH | {"X-Accel-Buffering": "no"})


def _add_site(router: APIRouter, pool: Pool) -> None:
    @router.get("/wall/site/{site}.json")
    async def panel(site: str) -> Response:
        async with transaction(pool) as connection:
            found = await read_site(connection, site)
        if found is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"no site {site!r} in the register 没有这个场所")
        return _json(found)


async def _events(broadcast: Broadcast) -> AsyncIterator[ServerSentEvent]:
    shown: Snapshot | None = None
    async with aclosing(broadcast.follow()) as snapshots:
        async for snapshot in snapshots:
            name = "change" if shown else "state"
            told = changes(shown.values, snapshot.values) if shown else snapshot.values
            shown = snapshot
            body = {**_beat(snapshot), "values": told}
            yield ServerSentEvent(msgspec.json.encode(body).decode(), event=name)


def _beat(snapshot: Snapshot) -> dict[str, Any]:
    """What every message carries: the server's clock, its version, and how old the reading is."""
    return {
        "now": datetime.now(UTC),
        "read_at": snapshot.read_at,
        "trouble": snapshot.trouble,
        "build": build(),
    }


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json", headers=_FRESH)


@cache
def build() -> str:
    """A digest of the page's own files: a wall that shows another one loads itself anew."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.glob("*.*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
