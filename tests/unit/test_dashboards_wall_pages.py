"""Who may open the wall, in which language, and that no text is missing."""

import re
import tomllib
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from starlette.middleware.sessions import SessionMiddleware

from dashboards.wall import create_router
from dashboards.wall.pages import STATIC
from domain.register import Role
from runtime.accounts import LoginNeeded, Person, remember
from runtime.settings import Settings, Web

ROOT = Path(__file__).resolve().parents[2]


def client(token: str = "right", *, demo: bool = False) -> httpx.AsyncClient:
    app = FastAPI()
    settings = Settings(web=Web(wall_token=token))
    app.include_router(create_router(None, settings, demo=demo))  # type: ignore[arg-type]
    app.add_middleware(SessionMiddleware, secret_key="the same for both")

    @app.exception_handler(LoginNeeded)
    async def needed(_request: Request, _error: Exception) -> Response:
        return Response(status_code=401)

    @app.get("/enter")
    async def enter(request: Request) -> None:
        remember(request, Person("chen", "陈", Role.VIEWER))

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://wall")


async def status(wall: httpx.AsyncClient, path: str = "/wall") -> int:
    return (await wall.get(path)).status_code


async def test_the_token_opens_and_is_remembered() -> None:
    async with client() as wall:
        assert await status(wall) == 401
        assert await status(wall, "/wall?token=right") == 200
        assert await status(wall) == 200


@pytest.mark.parametrize("token", ["wrong", "", "错", "righ"])
async def test_a_wrong_token_opens_nothing(token: str) -> None:
    async with client() as wall:
        assert await status(wall, f"/wall?token={token}") == 401


async def test_an_empty_token_is_never_right() -> None:
    async with client(token="") as wall:
        assert await status(wall, "/wall?token=") == 401


async def test_a_changed_token_shuts_out_who_knew_the_old_one() -> None:
    async with client() as before:
        await before.get("/wall?token=right")
        async with client(token="new") as after:
            after.cookies = before.cookies
            assert await status(after) == 401


async def test_any_account_may_look() -> None:
    async with client(token="") as wall:
        await wall.get("/enter")
        assert await status(wall) == 200


@pytest.mark.parametrize("path", ["/wall/state", "/wall/events", "/wall/site/R001.json"])
async def test_data_needs_the_same(path: str) -> None:
    async with client() as wall:
        assert await status(wall, path) == 401


@pytest.mark.parametrize(
    ("query", "lang", "title", "theme"),
    [
        ("", "zh-CN", "餐饮油烟 · 扬尘 · 噪声 一张图", "dark"),
        ("&lang=en&theme=light", "en", "Cooking fumes", "light"),
    ],
)
async def test_language_and_theme(query: str, lang: str, title: str, theme: str) -> None:
    async with client() as wall:
        page = (await wall.get(f"/wall?token=right{query}")).text
    assert f'<html lang="{lang}" data-theme="{theme}">' in page
    assert f"<h1>{title}" in page


async def test_demo_data_is_marked() -> None:
    for demo in (True, False):
        async with client(demo=demo) as wall:
            page = (await wall.get("/wall?token=right")).text
        assert ('<p class="demo">演示数据</p>' in page) is demo


async def test_the_page_may_ask_no_other_host() -> None:
    async with client() as wall:
        answer = await wall.get("/wall?token=right")
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", answer.text)
        assert (await wall.get("/wall/static/wall.css")).headers["cache-control"] == "no-cache"


def test_every_text_that_the_scripts_ask_for_exists() -> None:
    texts = tomllib.loads((ROOT / "dashboards" / "texts.toml").read_text("utf-8"))
    scripts = "".join(path.read_text("utf-8") for path in STATIC.glob("*.js"))
    asked = set(re.findall(r"\btext\(\"(\w+)\"", scripts)) | set(
        re.findall(r"nothing\([^\"]+\"(\w+)\"", scripts)
    )
    assert asked <= set(texts)
    words = set(re.findall(r"\w+", scripts + (ROOT / "dashboards" / "wall" / "wall.html").read_text("utf-8")))
    made = {"case_", "verdict_", "state_", "fresh_"}
    idle = {key for key in texts if key not in words and not any(key.startswith(start) for start in made)}
    assert not idle, "texts that nothing shows"
