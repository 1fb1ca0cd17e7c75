"""The squad's page on a phone of 360 × 740 points, in headless Chromium."""

import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alerts_city import Bench, judge, open_bench, passing
from alerts_pages import serving
from playwright.async_api import Browser, Page, async_playwright, expect

from alerts.channels.page import PageChannel
from alerts.delivery import deliver

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURES = os.environ.get("YANCHEN_TEST_PICTURES")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    async with open_bench(database_url) as found:
        yield found


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def phone(bench: Bench, browser: Browser) -> AsyncIterator[Page]:
    async with serving(bench) as address:
        context = await browser.new_context(
            base_url=address,
            viewport={"width": 360, "height": 740},
            device_scale_factor=2,
            is_mobile=True,
            has_touch=True,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
        )
        page = await context.new_page()
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        await page.goto("/enter/zhang")
        yield page
        await context.close()


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


async def evening(bench: Bench) -> None:
    """One case exceeding now, one acknowledged, one ended: what a squad sees on a usual evening."""
    now = datetime.now(UTC)
    start = now - timedelta(minutes=35)
    await bench.feed(judge("d7", 0, start=start), judge("d7", 1, start=start, value=2.004), now=now)
    await bench.feed(judge("d8", 0, factor="nmhc", start=start, value=12.5))
    await bench.rows("UPDATE sites SET grid_code = '320602001007' WHERE site <> 'laowang' RETURNING 1")
    await bench.feed(judge("h1", 0, start=start - timedelta(hours=3), value=4.1))
    await bench.feed(judge("g1", 0, factor="tsp", start=start - timedelta(hours=1), value=3.3))
    await bench.feed(*(judge("g1", 1 + n, v.verdict, factor="tsp", start=start - timedelta(hours=1))
                       for n, v in enumerate(passing("g1", [1, 2]))))  # fmt: skip
    for notice in await bench.rows("SELECT notice_id FROM notices"):
        await deliver(bench.pool, {"page": PageChannel()}, notice["notice_id"])
    await bench.rows("UPDATE cases SET state = 'rectified' WHERE site = 'ximalu' RETURNING 1")


async def test_a_notice_is_acknowledged_with_one_thumb(bench: Bench, phone: Page) -> None:
    await bench.feed(judge(start=datetime.now(UTC) - timedelta(minutes=12)))
    await phone.goto("/squad")
    card = phone.locator("#case-1")
    await expect(card).to_contain_text("老王烧烤")
    await expect(card).to_contain_text("3.25")
    await expect(card).to_contain_text("12 分钟前")
    await expect(phone.locator("#summary")).to_have_text("1 件待签收，0 件处理中")
    button = card.get_by_role("button", name="签收")
    box = await button.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    await button.dblclick()
    await expect(card.locator(".state")).to_have_text("已签收")
    await expect(phone.locator("#summary")).to_have_text("0 件待签收，1 件处理中")
    assert (await bench.kinds(1)).count("acknowledged") == 1


async def test_a_new_case_appears_by_itself_and_the_scroll_stays(bench: Bench, phone: Page) -> None:
    await evening(bench)
    await phone.goto("/squad")
    await expect(phone.locator(".slot")).to_have_count(3)
    await phone.evaluate("window.scrollTo(0, 300)")
    await bench.rows("UPDATE cases SET state = 'on_site' WHERE site = 'ximalu' RETURNING 1")
    await expect(phone.locator(".slot", has_text="西马路工地").locator(".state")).to_have_text(
        "已到场", timeout=10_000
    )
    assert await phone.evaluate("window.scrollY") == 300


async def test_what_somebody_is_writing_is_not_wiped(bench: Bench, phone: Page) -> None:
    await evening(bench)
    await phone.goto("/squad")
    slot = phone.locator(".slot", has_text="西马路工地")
    await slot.get_by_text("结案", exact=True).click()
    await slot.get_by_label("结案理由").fill("喷淋已恢复")
    await picture(phone, "squad-closing")
    async with phone.expect_response("**/squad/cases.json*", timeout=10_000):
        await bench.feed(judge("g1", 3, factor="tsp", start=datetime.now(UTC) - timedelta(hours=2)))
    await expect(slot.get_by_label("结案理由")).to_have_value("喷淋已恢复")


async def test_closing_with_a_reason(bench: Bench, phone: Page) -> None:
    await evening(bench)
    await phone.goto("/squad")
    slot = phone.locator(".slot", has_text="西马路工地")
    await slot.get_by_text("结案", exact=True).click()
    await slot.get_by_label("结案理由").fill("喷淋已恢复")
    await slot.get_by_role("button", name="确认结案").click()
    await expect(slot.locator(".state")).to_have_text("已结案")


async def test_a_step_that_somebody_else_took_says_so(bench: Bench, phone: Page) -> None:
    await bench.feed(judge())
    await phone.goto("/squad")
    await bench.rows("UPDATE cases SET state = 'rectified' RETURNING 1")
    await phone.locator("#case-1").get_by_role("button", name="签收").click()
    await expect(phone.get_by_role("alert")).to_contain_text("案件现为“已整改”")
    await picture(phone, "squad-refused")


async def test_a_lost_network_is_said_and_comes_back(bench: Bench, phone: Page) -> None:
    await bench.feed(judge())
    await phone.goto("/squad")
    await phone.context.set_offline(True)
    await expect(phone.locator("#offline")).to_be_visible(timeout=10_000)
    await phone.locator("#case-1").get_by_role("button", name="签收").click()
    await expect(phone.get_by_role("alert")).to_contain_text("没有发出去")
    await phone.context.set_offline(False)
    await expect(phone.locator("#offline")).to_be_hidden(timeout=10_000)


@pytest.mark.parametrize(("lang", "scheme"), [("zh", "light"), ("en", "dark")])
async def test_every_page_fits_the_phone(bench: Bench, phone: Page, lang: str, scheme: str) -> None:
    await phone.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await phone.goto(f"/squad?lang={lang}")
    await picture(phone, f"squad-empty-{lang}")
    assert await fits(phone)
    await evening(bench)
    for path, name in ((f"/squad?lang={lang}", "squad"), (f"/cases/1?lang={lang}", "case")):
        await phone.goto(path)
        await picture(phone, f"{name}-{lang}")
        assert await fits(phone)
