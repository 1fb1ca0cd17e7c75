"""A town for each module of acceptance tests."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest_asyncio
from town import TOKEN, Squadron, Town, city

from app.embedded.ports import free_port
from app.embedded.stack import Stack
from app.fleet import Fleet, environment
from runtime.database import open_pool
from runtime.migrations import migrate
from runtime.register import import_city
from runtime.settings import Database


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town() -> AsyncIterator[Town]:
    hook = ThreadingHTTPServer(("127.0.0.1", 0), Squadron)
    Thread(target=hook.serve_forever, daemon=True).start()
    folder = Path(tempfile.mkdtemp(prefix="yanchen-acceptance-"))
    more = {
        "YANCHEN_RULES__GRACE": "PT5S",
        "YANCHEN_WEB__WALL_TOKEN": TOKEN,
        "YANCHEN_ALERTS__WEBHOOK_SECRET": "secret",
    }
    async with Stack(folder, durable=False) as stack:
        migrate(stack.endpoints.database_url)
        env = environment(stack.endpoints, hj212_port=free_port(), web_port=free_port(), more=more)
        async with open_pool(Database(url=stack.endpoints.database_url)) as pool:
            await import_city(pool, city(f"http://127.0.0.1:{hook.server_port}/hook"))
            async with Fleet(env, stack.endpoints.logs) as fleet:
                yield Town(stack, fleet, pool)
    hook.shutdown()
    hook.server_close()
    shutil.rmtree(folder)
