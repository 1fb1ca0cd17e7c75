"""Delivery and clocks: retries, unknown outcomes, killed workers, the ladder. Real database, real HTTP."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alerts_city import Bench, judge, open_bench, until

from alerts import outbox
from alerts.chain import verify
from alerts.channels import Channel, OutcomeUnknown
from alerts.channels.page import PageChannel
from alerts.delivery import deliver
from alerts.escalation import escalate
from alerts.ladder import Step
from alerts.notice import Notice
from alerts.outbox import Tools, pause_s, work
from alerts.store import events
from domain.errors import Unavailable, Undeliverable
from domain.evaluation import Verdict
from runtime.database import transaction


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    async with open_bench(database_url) as found:
        yield found


@dataclass
class Scripted:
    """A channel that ends its attempts as told, then says yes."""

    endings: list[Exception] = field(default_factory=list)
    sent: list[Notice] = field(default_factory=list)

    async def send(self, notice: Notice) -> None:
        self.sent.append(notice)
        if self.endings:
            raise self.endings.pop(0)


@contextlib.asynccontextmanager
async def working(bench: Bench, channels: Mapping[str, Channel]) -> AsyncIterator[None]:
    tools = Tools(pool=bench.pool, channels=channels, policy=bench.policy)
    task = asyncio.create_task(work(bench.url, tools, poll_s=0.1))
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.wait({task})


async def notice_row(bench: Bench) -> dict[str, object]:
    return await bench.row("SELECT * FROM notices WHERE channel = 'page'")


async def attempt(bench: Bench, channel: Channel) -> None:
    row = await notice_row(bench)
    await deliver(bench.pool, {"page": channel}, row["notice_id"])  # type: ignore[arg-type]


async def test_the_worker_delivers_and_the_case_is_notified(bench: Bench) -> None:
    await bench.feed(judge())
    async with working(bench, {"page": PageChannel()}):
        await until(lambda: bench.rows("SELECT FROM notices WHERE state = 'delivered'"))
        await until(lambda: bench.rows("SELECT FROM procrastinate_jobs HAVING count(*) = 1"))
    case = await bench.row("SELECT state FROM cases")
    assert case["state"] == "notified"
    assert await bench.kinds(1) == ["opened", "notified"]
    assert (await notice_row(bench))["attempts"] == 1


async def test_a_delivered_notice_is_not_sent_again(bench: Bench) -> None:
    await bench.feed(judge())
    channel = Scripted()
    await attempt(bench, channel)
    await attempt(bench, channel)
    assert len(channel.sent) == 1
    assert await bench.kinds(1) == ["opened", "notified"]


async def test_an_unavailable_channel_is_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "pause_s", lambda _: 0)
    await bench.feed(judge())
    channel = Scripted([Unavailable("503"), Unavailable("503")])
    async with working(bench, {"page": channel}):
        await until(lambda: bench.rows("SELECT FROM notices WHERE state = 'delivered'"))
    assert len({notice.notice_id for notice in channel.sent}) == 1
    assert (await notice_row(bench))["attempts"] == 3


async def test_a_refused_notice_has_failed_and_says_why(bench: Bench) -> None:
    await bench.feed(judge())
    await attempt(bench, Scripted([Undeliverable("webhook refused: 410")]))
    row = await notice_row(bench)
    assert (row["state"], row["detail"]) == ("failed", "webhook refused: 410")
    assert await bench.kinds(1) == ["opened", "notice_failed"]


async def test_an_unknown_outcome_is_shown_until_the_channel_says_yes(bench: Bench) -> None:
    await bench.feed(judge())
    channel = Scripted([OutcomeUnknown("read timeout"), Unavailable("503")])
    with pytest.raises(Unavailable):
        await attempt(bench, channel)
    assert (await notice_row(bench))["state"] == "unknown"
    with pytest.raises(Unavailable):
        await attempt(bench, channel)
    # The second surely did not arrive, the first may have: that stays to be seen.
    assert (await notice_row(bench))["state"] == "unknown"
    await attempt(bench, channel)
    row = await notice_row(bench)
    assert (row["state"], row["attempts"]) == ("delivered", 3)
    assert await bench.kinds(1) == ["opened", "notice_unknown", "notified"]


async def test_an_attempt_that_was_cut_off_is_called_unknown(bench: Bench) -> None:
    await bench.feed(judge())
    await bench.rows("UPDATE notices SET state = 'sending', attempts = 1 RETURNING 1")
    await attempt(bench, Scripted())
    assert await bench.kinds(1) == ["opened", "notice_unknown", "notified"]
    assert (await notice_row(bench))["attempts"] == 2


async def test_a_channel_silent_for_a_day_has_failed(bench: Bench) -> None:
    await bench.feed(judge(), now=datetime.now(UTC) - timedelta(hours=25))
    await attempt(bench, Scripted([Unavailable("503")]))
    assert (await notice_row(bench))["state"] == "failed"


async def test_a_case_withdrawn_meanwhile_is_not_announced(bench: Bench) -> None:
    await bench.feed(judge())
    row = await notice_row(bench)
    await bench.rows("UPDATE cases SET state = 'withdrawn', closed_at = now() RETURNING 1")
    channel = Scripted()
    await deliver(bench.pool, {"page": channel}, row["notice_id"])  # type: ignore[arg-type]
    assert not channel.sent
    assert (await notice_row(bench))["state"] == "cancelled"


KILLED = """
import asyncio, os, sys
from alerts.channels.page import PageChannel
from alerts.outbox import Tools, work
from alerts.policy import Policy
from runtime.database import open_pool
from runtime.settings import Database

class Dies:
    async def send(self, notice):
        with open(sys.argv[2], "a") as log:
            log.write(str(notice.notice_id) + "\\n")
        os.kill(os.getpid(), 9)

async def main():
    async with open_pool(Database(url=sys.argv[1])) as pool:
        tools = Tools(pool=pool, channels={"page": Dies()}, policy=Policy())
        await work(sys.argv[1], tools, poll_s=0.1)

asyncio.run(main())
"""


async def test_a_worker_killed_between_send_and_commit_loses_and_hides_nothing(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "DEAD_AFTER_S", 1.0)
    monkeypatch.setattr(outbox, "HEARTBEAT_S", 0.3)
    await bench.feed(judge())
    log = tmp_path / "sent"
    dead = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", KILLED, bench.url, str(log)],
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert dead.returncode == -signal.SIGKILL
    assert (await bench.row("SELECT state FROM notices"))["state"] == "sending"
    assert await bench.rows("SELECT FROM procrastinate_jobs WHERE status = 'doing'")

    channel = Scripted()
    async with working(bench, {"page": channel}):
        await until(lambda: bench.rows("SELECT FROM notices WHERE state = 'delivered'"))
    assert [str(notice.notice_id) for notice in channel.sent] == log.read_text().split()
    assert await bench.kinds(1) == ["opened", "notice_unknown", "notified"]


async def test_the_ladder_goes_on_until_supervision(bench: Bench) -> None:
    bench.policy = replace(bench.policy, escalate_after=timedelta(milliseconds=300))
    await bench.feed(judge())
    async with working(bench, {"page": PageChannel()}):
        await until(
            lambda: bench.rows("SELECT FROM notices WHERE state = 'delivered' HAVING count(*) = 3"),
        )
    rows = await bench.rows("SELECT step, recipient, title FROM notices ORDER BY step")
    assert [(row["step"], row["recipient"]) for row in rows] == [
        (1, "chengdong"),
        (2, "chengdong"),
        (3, "chongchuan"),
    ]
    assert "再次提醒" in rows[1]["title"]
    assert "督办" in rows[2]["title"]
    assert (await bench.row("SELECT escalation FROM cases"))["escalation"] == 2
    async with transaction(bench.pool) as connection:
        assert verify(await events.chain(connection, 1)) is None


async def test_acknowledging_stops_the_ladder(bench: Bench) -> None:
    await bench.feed(judge())
    await bench.rows("UPDATE cases SET state = 'acknowledged' RETURNING 1")
    assert not await step(bench, Step.AGAIN)
    assert len(await bench.rows("SELECT FROM notices")) == 1


async def test_a_step_is_taken_once_however_often_its_clock_rings(bench: Bench) -> None:
    await bench.feed(judge())
    assert await step(bench, Step.AGAIN)
    assert not await step(bench, Step.AGAIN)
    assert len(await bench.rows("SELECT FROM notices WHERE step = 2")) == 1


async def test_a_squad_that_comes_on_duty_gets_the_case(bench: Bench) -> None:
    await bench.feed(judge("g1", factor="tsp"))
    await bench.rows("UPDATE squads SET on_duty = true RETURNING 1")
    await step(bench, Step.AGAIN)
    assert (await bench.row("SELECT squad FROM cases"))["squad"] == "heping"
    assert await bench.kinds(1) == ["opened", "reassigned", "escalated"]


async def test_a_cell_without_squads_ends_at_supervision(bench: Bench) -> None:
    await bench.feed(judge("h1"))
    await step(bench, Step.AGAIN)
    await step(bench, Step.SUPERVISE)
    rows = await bench.rows("SELECT recipient FROM notices ORDER BY step")
    assert [row["recipient"] for row in rows] == ["supervision"] * 3


async def step(bench: Bench, which: Step) -> bool:
    return await escalate(bench.pool, 1, which, policy=bench.policy, now=datetime.now(UTC))


async def test_a_correction_goes_out_for_a_withdrawn_case(bench: Bench) -> None:
    await bench.feed(judge())
    async with working(bench, {"page": PageChannel()}):
        await until(lambda: bench.rows("SELECT FROM notices WHERE state = 'delivered'"))
        await bench.feed(judge(verdict=Verdict.PASS, revision=2))
        await until(lambda: bench.rows("SELECT FROM notices WHERE step = 9 AND state = 'delivered'"))
    assert (await bench.row("SELECT state FROM cases"))["state"] == "withdrawn"


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 2), (1, 4), (5, 64), (8, 300), (1000, 300)])
def test_pauses_double_up_to_five_minutes(attempts: int, seconds: int) -> None:
    assert pause_s(attempts) == seconds
