"""The squad's pages on a real server, without the shell: ``/enter/{username}`` logs in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from alerts_city import CITY, Bench, until
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.middleware.sessions import SessionMiddleware

from alerts.pages import create_router
from runtime.accounts import LoginNeeded, Person, remember
from runtime.settings import Settings

PEOPLE = {a.username: Person(a.username, a.name, a.role, a.squad) for a in CITY.accounts}


def create_app(bench: Bench) -> FastAPI:
    app = FastAPI()
    app.add_middleware(SessionMiddleware, secret_key="for tests")
    app.include_router(create_router(bench.pool, Settings()))

    @app.get("/enter/{username}")
    async def enter(request: Request, username: str) -> Response:
        remember(request, PEOPLE[username])
        return JSONResponse({})

    @app.exception_handler(LoginNeeded)
    async def ask(request: Request, error: LoginNeeded) -> Response:
        return JSONResponse({}, 401)

    return app


@asynccontextmanager
async def serving(bench: Bench) -> AsyncIterator[str]:
    config = uvicorn.Config(create_app(bench), host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await until(started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
