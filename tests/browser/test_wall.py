"""The wall in a real browser, served by ``yanchen web`` over a real database."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from app.embedded.stack import Stack
from runtime.database import Pool, open_pool, transaction
from runtime.migrations import migrate
from runtime.settings import Database

CHROMIUM = shutil.which("chromium")
CITY = Path(__file__).parents[1] / "integration" / "wall_city.sql"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PROMPT_MS = 3000
"""How soon what is stored must be seen."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")


class Web:
    """``yanchen web`` in a process of its own, always at the same address."""

    def __init__(self, database_url: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._environment = os.environ | {
            "YANCHEN_DATABASE__URL": database_url,
            "YANCHEN_WEB__PORT": str(self.port),
            "YANCHEN_WEB__WALL_TOKEN": "wall",
            "YANCHEN_WEB__SECRET": "kept across restarts",
        }
        self._process: asyncio.subprocess.Process | None = None

    def url(self, query: str = "") -> str:
        return f"http://127.0.0.1:{self.port}/wall?token=wall{query}"

    async def start(self) -> None:
        program = "from app.commands.services import web; web()"
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, env=self._environment, cwd=Path(__file__).parents[2]
        )
        async with asyncio.timeout(30), httpx.AsyncClient() as client:
            while True:
                try:
                    await client.get(self.url())
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
                else:
                    return

    async def kill(self) -> None:
        assert self._process
        self._process.kill()
        await self._process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pool(database_url: str) -> AsyncIterator[Pool]:
    migrate(database_url)
    async with open_pool(Database(url=database_url)) as opened:
        async with transaction(opened) as connection:
            await connection.execute(CITY.read_bytes())
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(pool: Pool, database_url: str) -> AsyncIterator[Web]:
    served = Web(database_url)
    await served.start()
    yield served
    await served.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        await started.close()


@asynccontextmanager
async def opened(
    browser: Browser, web: Web, query: str = "", size: tuple[int, int] = (1920, 1080)
) -> AsyncIterator[Page]:
    """The wall with its first state painted; it fails on any script error."""
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(web.url(query))
    await page.wait_for_selector("body[data-ready=yes]")
    yield page
    await page.close()
    assert not errors


async def run(pool: Pool, sql: str) -> None:
    async with transaction(pool) as connection:
        await connection.execute(sql.encode())


def exceedance(device: str, value: float) -> str:
    return f"""
        INSERT INTO evaluations VALUES (gen_random_uuid(), '{device}', 'DB50/859-2018', 'fume', 'oil_fume',
            date_trunc('minute', now()), now() + interval '10 minutes', 'mean', {value}, 1.0, 'mg/m³',
            'exceed', 10, 10, '[]', '4.2', 1, false)"""


async def test_first_paint(browser: Browser, web: Web) -> None:
    async with opened(browser, web) as page:
        await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        await expect(page).to_have_title("餐饮油烟 · 扬尘 · 噪声 一张图 · 烟尘")
        await expect(page.locator("[data-count=devices] b")).to_have_text("34")
        await expect(page.locator("#feed .row").first).to_contain_text("限值")
        await expect(page.locator("[data-case='101']")).to_contain_text("未签收")
        await expect(page.locator("[data-total=offline] b")).to_have_text("2")
        await expect(page.locator(".map .fresh")).to_contain_text("最新报文")
        assert await page.locator("canvas").count() >= 3
        await expect(page.locator("#banner")).to_be_hidden()


async def test_english_on_light(browser: Browser, web: Web) -> None:
    async with opened(browser, web, "&lang=en&theme=light") as page:
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await expect(page.locator("[data-case='102']")).to_contain_text("acknowledged by 李伟")
        assert not await page.locator("[data-fresh]", has_text="最新").count()


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (3840, 2160)], ids="{0[0]}x{0[1]}".format)
async def test_it_fits_the_screen(browser: Browser, web: Web, size: tuple[int, int]) -> None:
    async with opened(browser, web, size=size) as page:
        for tile in await page.locator(".tile, .count, .top").all():
            box = await tile.bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size[0] + 1
            assert box["y"] + box["height"] <= size[1] + 1
            assert box["height"] > 30


async def test_no_request_leaves_the_machine(browser: Browser, web: Web) -> None:
    page = await browser.new_page()
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    await page.goto(web.url())
    await page.wait_for_selector("body[data-ready=yes]")
    await page.locator("#feed button").first.click()
    await expect(page.locator("#panel h3")).to_be_visible()
    assert asked == {f"127.0.0.1:{web.port}"}
    await page.close()


async def test_an_exceedance_appears_within_three_seconds(browser: Browser, web: Web, pool: Pool) -> None:
    async with opened(browser, web) as first, opened(browser, web) as second:
        await run(pool, exceedance("D-R001", 7.77))
        for page in (first, second):
            await expect(page.locator("#feed")).to_contain_text("7.77", timeout=PROMPT_MS)
            await expect(page.locator("[data-total=exceed] b")).not_to_have_text("2", timeout=PROMPT_MS)


async def test_an_acknowledgement_is_shown(browser: Browser, web: Web, pool: Pool) -> None:
    async with opened(browser, web) as page:
        await run(
            pool,
            """INSERT INTO case_events VALUES (103, 1, now(), 'acknowledged', 'liwei', '{}', '', 'x');
               UPDATE cases SET state = 'acknowledged' WHERE case_id = 103""",
        )
        case = page.locator("[data-case='103']")
        await expect(case).to_contain_text("李伟", timeout=PROMPT_MS)
        await expect(case).to_have_attribute("data-state", "acknowledged")


async def test_a_site_opens_by_keyboard_and_closes_by_escape(browser: Browser, web: Web) -> None:
    async with opened(browser, web) as page:
        button = page.locator("[data-case='101'] button")
        await button.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#panel h3")).to_have_text("江鲜楼总店")
        await expect(page.locator(".readings")).to_contain_text("mg/m³")
        await page.keyboard.press("Escape")
        await expect(page.locator("#panel")).to_be_hidden()
        await expect(button).to_be_focused()


async def test_a_site_opens_from_the_map(browser: Browser, web: Web) -> None:
    async with opened(browser, web) as page:
        box = await page.locator("#map").bounding_box()
        assert box
        await page.wait_for_function(
            "echarts.getInstanceByDom(document.getElementById('map')).getOption().series"
        )
        x, y = await page.evaluate(
            """() => {
                const chart = echarts.getInstanceByDom(document.getElementById("map"));
                const site = chart.getOption().series.flatMap((s) => s.data).find((d) => d.site === "R003");
                return chart.convertToPixel("geo", site.value);
            }"""
        )
        await page.mouse.click(box["x"] + x, box["y"] + y)
        await expect(page.locator("#panel h3")).to_have_text("江鲜楼总店")


async def test_a_killed_server_is_noticed_and_its_return_too(browser: Browser, web: Web, pool: Pool) -> None:
    async with opened(browser, web) as page:
        await web.kill()
        await expect(page.locator("#banner")).to_contain_text("连接中断", timeout=8000)
        await run(pool, exceedance("D-R002", 8.88))
        await web.start()
        await expect(page.locator("#feed")).to_contain_text("8.88", timeout=15000)
        await expect(page.locator("#banner")).to_be_hidden()


async def test_a_lost_database_is_said_and_its_return_too(browser: Browser, web: Web, stack: Stack) -> None:
    async with opened(browser, web) as page:
        await stack.database.stop()
        try:
            await expect(page.locator("#banner")).to_contain_text("数据库无应答", timeout=15000)
        finally:
            await stack.database.start()
        await expect(page.locator("#banner")).to_be_hidden(timeout=45000)


async def test_an_empty_city_says_so(browser: Browser, web: Web, pool: Pool) -> None:
    await run(pool, "TRUNCATE evaluations, readings, reports, rejected, cases, notices, case_events CASCADE")
    await run(pool, "TRUNCATE ledger, devices, sites CASCADE")
    async with opened(browser, web) as page:
        await expect(page.locator("#feed")).to_have_text("暂无数据", timeout=20000)
        await expect(page.locator("[data-count=devices] b")).to_have_text("–")
        await expect(page.locator("#cases")).to_have_text("没有在办案件")
