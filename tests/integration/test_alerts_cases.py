"""Evaluations → episodes → cases → notices, on a real database."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from alerts_city import NOON, Bench, judge, open_bench, passing

from alerts.chain import verify
from alerts.consumer import take_in
from alerts.store import events
from domain.evaluation import Verdict
from runtime.database import transaction


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    async with open_bench(database_url) as found:
        yield found


async def test_an_exceedance_opens_a_case_with_its_notice_and_both_clocks(bench: Bench) -> None:
    await bench.feed(judge(position=0))

    case = await bench.row("SELECT * FROM cases")
    assert (case["site"], case["nuisance"], case["state"]) == ("laowang", "fume", "open")
    assert (case["squad"], case["first_offence"], case["occurred_at"]) == ("chengdong", True, NOON)
    notice = await bench.row("SELECT * FROM notices")
    assert (notice["step"], notice["recipient"], notice["channel"]) == (1, "chengdong", "page")
    for words in ("老王烧烤", "人民中路 88 号", "油烟 3.25 mg/m³", "限值 2 mg/m³", "11-21 12:00–12:10",
                  "GB 18483-2001", "YC-000001", "首违", "线索", "http://yanchen.test/cases/1"):  # fmt: skip
        assert words in notice["body"]
    jobs = await bench.rows("SELECT task_name, args FROM procrastinate_jobs ORDER BY task_name")
    assert [job["task_name"] for job in jobs] == ["alerts:deliver", "alerts:escalate"]
    assert jobs[0]["args"] == {"notice_id": str(notice["notice_id"])}
    assert await bench.kinds(case["case_id"]) == ["opened"]


async def test_further_exceedances_join_without_another_notice(bench: Bench) -> None:
    await bench.feed(judge("d7", 0))
    await bench.feed(judge("d7", 1), judge("d8", 1), judge("d7", 1, factor="nmhc"))

    case = await bench.row("SELECT * FROM cases")
    assert len(await bench.rows("SELECT FROM episodes WHERE case_id = %s", case["case_id"])) == 3
    assert len(await bench.rows("SELECT FROM notices")) == 1
    assert await bench.kinds(case["case_id"]) == ["opened", "episode_joined", "episode_joined"]


async def test_dust_and_fume_of_one_site_are_two_cases(bench: Bench) -> None:
    await bench.feed(judge("g1", factor="tsp"), judge("g1", factor="noise"))
    assert len(await bench.rows("SELECT FROM cases WHERE site = 'ximalu'")) == 2


async def test_records_that_come_again_have_no_second_effect(bench: Bench) -> None:
    await bench.feed(judge(position=0))
    before = await snapshot(bench)
    bench.offset = 0
    await bench.feed(judge(position=0))
    assert await snapshot(bench) == before
    # Even if the offsets were lost, the same revision changes nothing.
    await bench.rows("DELETE FROM stream_offsets RETURNING 1")
    bench.offset = 0
    await bench.feed(judge(position=0))
    assert await snapshot(bench) == before


async def snapshot(bench: Bench) -> list[object]:
    tables = ("evaluations", "episodes", "cases", "case_events", "notices", "procrastinate_jobs")
    return [await bench.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


async def test_nothing_is_left_of_a_batch_that_fails_at_its_end(bench: Bench) -> None:
    async def interrupted() -> None:
        async with transaction(bench.pool) as connection:
            await take_in(connection, [judge()], policy=bench.policy, now=datetime.now(UTC))
            raise RuntimeError("killed here")

    with pytest.raises(RuntimeError, match="killed here"):
        await interrupted()
    assert not any(await snapshot(bench))


async def test_late_data_withdraws_the_case_and_tells_those_who_were_told(bench: Bench) -> None:
    await bench.feed(judge(position=0))
    await bench.rows("UPDATE notices SET state = 'delivered', attempts = 1 RETURNING 1")
    await bench.feed(judge(position=0, verdict=Verdict.PASS, revision=2))

    case = await bench.row("SELECT * FROM cases")
    assert case["state"] == "withdrawn"
    assert case["closed_at"] is not None
    assert (await bench.row("SELECT state FROM episodes"))["state"] == "withdrawn"
    correction = await bench.row("SELECT * FROM notices WHERE step = 9")
    assert "撤销" in correction["title"]
    assert "11-21 12:00–12:10" in correction["body"]
    assert await bench.kinds(case["case_id"]) == [
        "opened",
        "episode_withdrawn",
        "withdrawn",
        "correction_sent",
    ]


async def test_a_case_withdrawn_before_anybody_was_told_is_withdrawn_quietly(bench: Bench) -> None:
    await bench.feed(judge(position=0))
    await bench.feed(judge(position=0, verdict=Verdict.INVALID, revision=2))
    notice = await bench.row("SELECT * FROM notices")
    assert notice["state"] == "cancelled"


async def test_a_case_keeps_standing_while_one_episode_holds(bench: Bench) -> None:
    await bench.feed(judge("d7", 0), judge("d8", 0))
    await bench.feed(judge("d7", 0, Verdict.PASS, revision=2))
    assert (await bench.row("SELECT state FROM cases"))["state"] == "open"


async def test_a_withdrawn_exceedance_that_holds_again_opens_a_new_case(bench: Bench) -> None:
    await bench.feed(judge(position=0))
    await bench.feed(judge(position=0, verdict=Verdict.PASS, revision=2))
    await bench.feed(judge(position=0, revision=3))
    states = [row["state"] for row in await bench.rows("SELECT state FROM cases ORDER BY case_id")]
    assert states == ["withdrawn", "open"]
    assert (await bench.row("SELECT case_id, state FROM episodes")) == {"case_id": 2, "state": "open"}


async def test_a_start_moved_backwards_is_the_same_episode_and_case(bench: Bench) -> None:
    await bench.feed(judge(position=3))
    before = await bench.row("SELECT episode_id FROM episodes")
    await bench.feed(judge(position=2, revision=2))
    after = await bench.row("SELECT episode_id, started_at, n_exceed FROM episodes")
    assert after["episode_id"] == before["episode_id"]
    assert (after["started_at"], after["n_exceed"]) == (NOON + timedelta(minutes=20), 2)
    assert len(await bench.rows("SELECT FROM notices")) == 1


async def test_an_older_revision_is_ignored_and_a_final_one_replaces(bench: Bench) -> None:
    await bench.feed(judge(revision=2, value=4.0))
    await bench.feed(judge(revision=1, verdict=Verdict.PASS))
    await bench.feed(judge(revision=2, value=4.0, final=True))
    stored = await bench.row("SELECT revision, final, verdict FROM evaluations")
    assert stored == {"revision": 2, "final": True, "verdict": "exceed"}
    assert (await bench.row("SELECT state FROM cases"))["state"] == "open"


async def test_passing_windows_clear_the_episode_and_the_case_stays(bench: Bench) -> None:
    await bench.feed(judge(position=0))
    await bench.feed(*passing("d7", [1]))
    assert (await bench.row("SELECT state FROM episodes"))["state"] == "open"
    await bench.feed(*passing("d7", [2]))
    assert (await bench.row("SELECT state FROM episodes"))["state"] == "cleared"
    assert await bench.kinds(1) == ["opened", "episode_cleared"]
    assert (await bench.row("SELECT state FROM cases"))["state"] == "open"


async def test_a_cell_without_a_squad_gives_a_visible_fallback(bench: Bench) -> None:
    await bench.feed(judge("h1"))
    case = await bench.row("SELECT * FROM cases")
    assert case["squad"] is None
    assert await bench.kinds(case["case_id"]) == ["opened", "no_squad"]
    assert (await bench.row("SELECT recipient FROM notices"))["recipient"] == "supervision"


async def test_a_squad_off_duty_is_passed_over(bench: Bench) -> None:
    await bench.feed(judge("g1", factor="tsp"))
    assert (await bench.row("SELECT squad FROM cases"))["squad"] == "chongchuan"


async def test_a_webhook_is_a_second_channel_of_the_same_round(bench: Bench) -> None:
    await bench.rows("UPDATE squads SET webhook_url = 'http://127.0.0.1:1/' RETURNING 1")
    await bench.feed(judge())
    rows = await bench.rows("SELECT step, channel FROM notices ORDER BY channel")
    assert rows == [{"step": 1, "channel": "page"}, {"step": 1, "channel": "webhook"}]


@pytest.mark.parametrize(("state", "first"), [("closed", False), ("withdrawn", True)])
async def test_a_first_offence_is_the_first_case_that_held(bench: Bench, state: str, first: bool) -> None:
    await bench.feed(judge(position=0), *passing("d7", [1, 2]))
    await bench.rows("UPDATE cases SET state = %s, closed_at = now() RETURNING 1", state)
    await bench.feed(judge(position=6))
    again = await bench.row("SELECT first_offence FROM cases WHERE case_id = 2")
    assert again["first_offence"] is first


async def test_an_offence_before_the_period_is_forgotten(bench: Bench) -> None:
    bench.policy = replace(bench.policy, offence_period=timedelta(days=30))
    await bench.feed(judge(start=NOON - timedelta(days=40)))
    await bench.rows("UPDATE cases SET state = 'closed', closed_at = now() RETURNING 1")
    await bench.feed(judge())
    assert (await bench.row("SELECT first_offence FROM cases WHERE case_id = 2"))["first_offence"] is True


async def test_what_goes_on_after_closing_opens_a_new_case(bench: Bench) -> None:
    await bench.feed(judge(position=0))
    closed_at = NOON + timedelta(minutes=12)
    await bench.rows("UPDATE cases SET state = 'closed', closed_at = %s RETURNING 1", closed_at)
    await bench.feed(judge(position=1))
    assert (await bench.row("SELECT state FROM cases WHERE case_id = 2"))["state"] == "open"


async def test_a_device_outside_the_register_is_stored_and_opens_nothing(bench: Bench) -> None:
    await bench.feed(judge("ghost"), judge("d7", factor="temperature"), judge("d7"))
    assert len(await bench.rows("SELECT FROM evaluations")) == 3
    assert len(await bench.rows("SELECT FROM cases")) == 1


async def test_two_partitions_at_once_open_one_case(bench: Bench) -> None:
    other = Bench(bench.pool, bench.url, bench.policy)
    await asyncio.gather(
        *(bench.feed(judge("d7", position)) for position in range(0, 60, 6)),
        *(other.feed(judge("d8", position), partition=1) for position in range(0, 60, 6)),
    )
    assert len(await bench.rows("SELECT FROM cases")) == 1
    async with transaction(bench.pool) as connection:
        assert verify(await events.chain(connection, 1)) is None


async def test_a_changed_event_row_is_found(bench: Bench) -> None:
    await bench.feed(judge(position=0), *passing("d7", [1, 2]))
    async with transaction(bench.pool) as connection:
        assert verify(await events.chain(connection, 1)) is None
        await connection.execute(
            "UPDATE case_events SET detail = jsonb_set(detail, '{peak}', '1.9') WHERE seq = 1"
        )
        assert verify(await events.chain(connection, 1)) == 1


@pytest.mark.slow
async def test_a_quiet_city_is_read_five_times_faster_than_it_speaks(bench: Bench) -> None:
    devices = [f"q{number}" for number in range(1000)]
    batches = [[judge(device, position, Verdict.PASS) for device in devices] for position in range(10)]
    started = time.perf_counter()
    for batch in batches:
        await bench.feed(*batch)
    rate = 10_000 / (time.perf_counter() - started)
    assert rate > 2500, f"{rate:.0f}/s"
