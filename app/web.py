"""The web server: login, and the pages of alerts and dashboards under one roof."""

import asyncio
import secrets
from importlib.resources import files
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

import uvicorn
from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from starlette.middleware.sessions import SessionMiddleware

from alerts.pages import create_router as create_cases_router
from app.context_api import create_router as create_context_router
from dashboards.wall import create_router as create_wall_router
from domain.register import Role
from rules.device_days import keep_rates
from rules.health_pack import load_health
from runtime.accounts import LoginNeeded, check_login, person_of, remember
from runtime.database import Pool, open_pool, transaction
from runtime.ledger import keep_gauges
from runtime.settings import Settings
from runtime.texts import load_texts, pick_lang

_templates: Final = Jinja2Templates(str(files("app").joinpath("templates")))
_texts: Final = load_texts("app")

_HOME: Final = {Role.SQUAD: "/squad", Role.SUPERVISOR: "/squad", Role.OPERATOR: "/wall", Role.VIEWER: "/wall"}


def create_app(pool: Pool, settings: Settings) -> FastAPI:
    """All pages over one pool of connections."""
    app = FastAPI(title="Yanchen 烟尘", docs_url=None, redoc_url=None)
    app.add_middleware(
        SessionMiddleware,
        secret_key=settings.web.secret or secrets.token_hex(32),
        session_cookie="yanchen",
        same_site="lax",
        max_age=14 * 86_400,
    )
    app.include_router(create_cases_router(pool, settings))
    app.include_router(create_wall_router(pool, settings, demo=settings.web.demo))
    app.include_router(create_context_router(pool, settings))
    app.add_exception_handler(LoginNeeded, _ask_login)
    _add_login(app, pool)
    return app


def _add_login(app: FastAPI, pool: Pool) -> None:
    @app.get("/")
    async def home(request: Request) -> Response:
        person = person_of(request)
        return RedirectResponse(_HOME[person.role] if person else "/login", 303)

    @app.get("/login")
    async def login_form(request: Request, to: str = "") -> Response:
        return _form(request, to)

    @app.post("/login")
    async def login(
        request: Request,
        username: Annotated[str, Form()],
        password: Annotated[str, Form()],
        to: Annotated[str, Form()] = "",
    ) -> Response:
        person = await check_login(pool, username.strip(), password)
        if person is None:
            return _form(request, to, failed=True)
        remember(request, person)
        return RedirectResponse(_inside(to) or _HOME[person.role], 303)

    @app.post("/logout")
    async def logout(request: Request) -> Response:
        request.session.clear()
        return RedirectResponse("/login", 303)

    @app.get("/healthz")
    async def health() -> dict[str, str]:
        async with transaction(pool) as connection:
            await connection.execute("SELECT 1")
        return {"status": "ok"}


def _inside(to: str) -> str:
    """The address to go on to, if it is one of ours; a foreign one is dropped."""
    parts = urlsplit(to)
    return (
        to if to.startswith("/") and not to.startswith("//") and not parts.netloc and "\\" not in to else ""
    )


def _form(request: Request, to: str, *, failed: bool = False) -> HTMLResponse:
    lang = pick_lang(request.query_params.get("lang"), request.headers.get("accept-language", ""))
    return _templates.TemplateResponse(
        request,
        "login.html",
        {"t": _texts[lang], "lang": lang, "to": _inside(to), "failed": failed},
        status_code=401 if failed else 200,
    )


async def _ask_login(request: Request, _error: Exception) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": "log in first 请先登录"}, status_code=401)
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/login?to={quote(request.url.path + query)}", 303)


async def run_web(settings: Settings) -> None:
    """Serve the pages until cancelled.

    Raises:
        Unavailable: the database is away.
    """
    async with open_pool(settings.database) as pool:
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(pool, settings),
                host=settings.web.host,
                port=settings.web.port,
                log_level="warning",
                timeout_graceful_shutdown=2,
            )
        )
        gauges = asyncio.create_task(keep_gauges(pool), name="ledger")
        rates = asyncio.create_task(keep_rates(pool, load_health(settings.rules.health)), name="rates")
        serving = asyncio.create_task(server.serve(), name="uvicorn")
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.should_exit = True
            await serving
            raise
        finally:
            gauges.cancel()
            rates.cancel()
