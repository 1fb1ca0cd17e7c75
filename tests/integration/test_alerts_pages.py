"""Who sees what, which buttons work, and what a wrong press says. Real database, no browser."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from alerts_city import TEN, Bench, judge, open_bench, passing
from alerts_pages import create_app

from alerts.chain import verify
from alerts.escalation import escalate
from alerts.ladder import Step
from alerts.store import events
from runtime.database import transaction

HOST = "http://squad.test"


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    async with open_bench(database_url) as found:
        yield found


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(bench))
    headers = {"Origin": HOST, "Accept": "application/json"}
    async with httpx.AsyncClient(transport=transport, base_url=HOST, headers=headers) as found:
        yield found


async def log_in(client: httpx.AsyncClient, username: str) -> None:
    assert (await client.get(f"/enter/{username}")).status_code == 200


async def press(client: httpx.AsyncClient, action: str, note: str = "", case_id: int = 1) -> httpx.Response:
    return await client.post(f"/squad/cases/{case_id}/{action}?lang=zh", data={"note": note})


async def state(bench: Bench) -> str:
    return str((await bench.row("SELECT state FROM cases WHERE case_id = 1"))["state"])


async def test_a_case_goes_from_notice_to_closing(bench: Bench, client: httpx.AsyncClient) -> None:
    await bench.feed(judge(position=0), *passing("d7", [1, 2]))
    await log_in(client, "zhang")
    for action, reached in [
        ("acknowledge", "acknowledged"),
        ("on_site", "on_site"),
        ("rectified", "rectified"),
        ("on_site", "on_site"),  # the recheck failed
        ("rectified", "rectified"),
    ]:
        assert (await press(client, action)).json()["ok"]
        assert await state(bench) == reached
    assert (await press(client, "close", "清洗净化器后复查达标")).json()["ok"]

    case = await bench.row("SELECT * FROM cases")
    assert (case["state"], case["closed_at"] is not None) == ("closed", True)
    async with transaction(bench.pool) as connection:
        chain = await events.chain(connection, 1)
    assert verify(chain) is None
    assert (chain[-1].kind, chain[-1].actor) == ("closed", "zhang")
    assert chain[-1].detail["note"] == "清洗净化器后复查达标"


async def test_a_second_press_is_harmless(bench: Bench, client: httpx.AsyncClient) -> None:
    await bench.feed(judge())
    await log_in(client, "zhang")
    answers = [await press(client, "acknowledge") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert (await bench.kinds(1)).count("acknowledged") == 1


async def test_a_step_that_is_not_allowed_says_so(bench: Bench, client: httpx.AsyncClient) -> None:
    await bench.feed(judge())
    await log_in(client, "zhang")
    answer = await press(client, "rectified")
    assert answer.status_code == 409
    assert answer.json()["message"].startswith("案件现为“待告知”，不能“已整改”")
    assert await state(bench) == "open"


async def test_closing_needs_a_reason(bench: Bench, client: httpx.AsyncClient) -> None:
    await bench.feed(judge(position=0), *passing("d7", [1, 2]))
    await bench.rows("UPDATE cases SET state = 'rectified' RETURNING 1")
    await log_in(client, "zhang")
    answer = await press(client, "close", "   ")
    assert (answer.status_code, answer.json()["message"]) == (409, "请写明结案理由。")


async def test_a_case_that_still_exceeds_cannot_be_closed(bench: Bench, client: httpx.AsyncClient) -> None:
    recent = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - TEN
    await bench.feed(judge(start=recent))
    await bench.rows("UPDATE cases SET state = 'rectified' RETURNING 1")
    await log_in(client, "zhang")
    answer = await press(client, "close", "好了")
    assert answer.status_code == 409
    assert "仍在超标" in answer.json()["message"]


async def test_after_a_long_silence_it_can_be_closed(bench: Bench, client: httpx.AsyncClient) -> None:
    await bench.feed(judge(start=datetime.now(UTC) - timedelta(hours=5)))
    await bench.rows("UPDATE cases SET state = 'rectified' RETURNING 1")
    await log_in(client, "zhang")
    assert (await press(client, "close", "停业")).json()["ok"]


@pytest.mark.parametrize(
    ("username", "status"), [("zhang", 200), ("chen", 200), ("li", 404), ("wall", 403), (None, 401)]
)
async def test_who_may_handle_a_case(
    bench: Bench, client: httpx.AsyncClient, username: str | None, status: int
) -> None:
    await bench.feed(judge())
    if username:
        await log_in(client, username)
    assert (await client.get("/cases/1")).status_code == status
    assert (await press(client, "acknowledge")).status_code == status
    shown = await client.get("/squad/cases.json")
    expected = 200 if status == 404 else status
    assert shown.status_code == expected
    if expected == 200:
        assert len(shown.json()["cards"]) == (0 if status == 404 else 1)


async def test_an_unknown_case_or_button_is_not_found(bench: Bench, client: httpx.AsyncClient) -> None:
    await bench.feed(judge())
    await log_in(client, "zhang")
    assert (await press(client, "acknowledge", case_id=77)).status_code == 404
    assert (await press(client, "delete")).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.test"}, {"Origin": "null"}, {"Origin": "", "Referer": "http://evil.test/x"}],
)
async def test_another_site_cannot_press_our_buttons(
    bench: Bench, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    await bench.feed(judge())
    await log_in(client, "zhang")
    answer = await client.post("/squad/cases/1/acknowledge", headers=headers)
    assert answer.status_code == 403
    assert await state(bench) == "open"


async def test_without_javascript_a_button_leads_back_to_its_card(
    bench: Bench, client: httpx.AsyncClient
) -> None:
    await bench.feed(judge())
    await log_in(client, "zhang")
    page = {"Accept": "text/html"}
    answer = await client.post("/squad/cases/1/acknowledge", headers=page)
    assert (answer.status_code, answer.headers["location"]) == (303, "/squad?lang=zh#case-1")
    refused = await client.post("/squad/cases/1/close", headers=page, data={"note": "x"})
    assert refused.status_code == 409
    assert "案件现为“已签收”，不能“结案”" in refused.text


async def test_showing_the_page_is_reading_the_notice(bench: Bench, client: httpx.AsyncClient) -> None:
    await bench.feed(judge())
    await log_in(client, "chen")
    await client.get("/squad")
    assert (await bench.row("SELECT read_at FROM notices"))["read_at"] is None
    await log_in(client, "zhang")
    await client.get("/squad")
    assert (await bench.row("SELECT read_at FROM notices"))["read_at"] is not None


async def test_an_escalated_case_is_shown_to_the_superior_squad(
    bench: Bench, client: httpx.AsyncClient
) -> None:
    await bench.feed(judge())
    for step in (Step.AGAIN, Step.SUPERVISE):
        await escalate(bench.pool, 1, step, policy=bench.policy, now=datetime.now(UTC))
    await log_in(client, "wang")
    card = (await client.get("/squad/cases.json")).json()["cards"]
    assert len(card) == 1
    assert "督办" in card[0]["html"]


async def test_the_card_changes_its_version_only_with_the_case(
    bench: Bench, client: httpx.AsyncClient
) -> None:
    await bench.feed(judge())
    await log_in(client, "zhang")

    async def version() -> str:
        return str((await client.get("/squad/cases.json")).json()["cards"][0]["version"])

    first = await version()
    assert await version() == first
    await bench.feed(judge(position=1))
    assert await version() != first


async def test_a_name_from_the_register_cannot_become_markup(bench: Bench, client: httpx.AsyncClient) -> None:
    await bench.rows("UPDATE sites SET name = '<script>x</script>' RETURNING 1")
    await bench.feed(judge())
    await log_in(client, "zhang")
    for path in ("/squad", "/cases/1"):
        assert "<script>x" not in (await client.get(path)).text


async def test_the_case_page_shows_a_broken_chain(bench: Bench, client: httpx.AsyncClient) -> None:
    await bench.feed(judge(position=0))
    await bench.feed(*passing("d7", [1, 2]))
    await log_in(client, "zhang")
    assert "校验通过：2 条" in (await client.get("/cases/1")).text
    await bench.rows("UPDATE case_events SET actor = 'somebody' WHERE seq = 2 RETURNING 1")
    assert "第 2 条记录起" in (await client.get("/cases/1")).text
    assert "differ from record 2" in (await client.get("/cases/1?lang=en")).text
