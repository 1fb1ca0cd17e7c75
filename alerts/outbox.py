"""The worker that delivers notices and runs the clocks, by procrastinate.

A killed worker leaves its jobs ``doing``. Every worker looks for jobs whose worker has
shown no heartbeat, and puts them back; the notice itself knows how far it had come.
"""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import psycopg
import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import DeleteJobCondition, Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from alerts.channels import Channel
from alerts.delivery import deliver
from alerts.escalation import escalate
from alerts.jobs import DELIVER, ESCALATE, QUEUE, away_translated
from alerts.ladder import Step
from alerts.policy import Policy
from domain.errors import Unavailable
from runtime.database import Pool

log = structlog.get_logger()

CONCURRENCY: Final = 8
HEARTBEAT_S: Final = 2.0
DEAD_AFTER_S: Final = 10.0
"""A worker silent for so long is taken for dead; a wrong guess costs one more send with the same key."""

_FIRST_WAIT_S: Final = 2
_LONGEST_WAIT_S: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the jobs work with.

    Attributes:
        pool: the database.
        channels: channel name → channel.
        policy: the city's rules.
    """

    pool: Pool
    channels: Mapping[str, Channel]
    policy: Policy


class RetryForEver(BaseRetryStrategy):
    """Doubling pauses up to five minutes; the job decides itself when to give up.

    Anything that ends a job is retried: a neighbour that is away, a shutdown, and a bug of
    ours, because a notice that is late after the repair is better than none.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        """When to run the job again."""
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_in={"seconds": 0})
        return RetryDecision(retry_in={"seconds": pause_s(job.attempts)})


def pause_s(attempts: int) -> int:
    """Seconds before the attempt that follows ``attempts`` failed ones."""
    return int(min(_FIRST_WAIT_S * 2 ** min(attempts, 16), _LONGEST_WAIT_S))


async def _deliver(context: JobContext, *, notice_id: str) -> None:
    tools: Tools = context.additional_context["tools"]
    await deliver(tools.pool, tools.channels, uuid.UUID(notice_id))


async def _escalate(context: JobContext, *, case_id: int, step: int) -> None:
    tools: Tools = context.additional_context["tools"]
    await escalate(tools.pool, case_id, Step(step), policy=tools.policy, now=datetime.now(UTC))


def worker_app(database_url: str) -> App:
    """Procrastinate with our jobs, on connections of its own."""
    app = App(connector=PsycopgConnector(conninfo=database_url, min_size=1, max_size=4))
    for name, job in ((DELIVER, _deliver), (ESCALATE, _escalate)):
        app.task(name=name, queue=QUEUE, pass_context=True, retry=RetryForEver())(job)
    return app


async def work(database_url: str, tools: Tools, *, poll_s: float = 5.0) -> None:
    """Run jobs until cancelled.

    Raises:
        Unavailable: the database is away (inside an exception group).
    """
    with away_translated():
        async with worker_app(database_url).open_async() as app, asyncio.TaskGroup() as group:
            group.create_task(_put_back_for_ever(app), name="put back dead workers' jobs")
            group.create_task(_run_worker(app, tools, poll_s), name="worker")


async def _run_worker(app: App, tools: Tools, poll_s: float) -> None:
    with away_translated():
        await app.run_worker_async(
            queues=[QUEUE],
            name="alerts",
            concurrency=CONCURRENCY,
            additional_context={"tools": tools},
            fetch_job_polling_interval=poll_s,
            update_heartbeat_interval=HEARTBEAT_S,
            stalled_worker_timeout=DEAD_AFTER_S,
            shutdown_graceful_timeout=5.0,
            delete_jobs=DeleteJobCondition.SUCCESSFUL,
            install_signal_handlers=False,
        )
    # It returns by itself only when it has lost the database.
    raise Unavailable("the worker of notices stopped: the database was away")


async def _put_back_for_ever(app: App) -> None:
    while True:
        with away_translated():
            await put_back_dead(app)
        await asyncio.sleep(HEARTBEAT_S)


async def put_back_dead(app: App) -> int:
    """Make the jobs of workers without a heartbeat runnable again; how many there were."""
    stalled = list(await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=DEAD_AFTER_S))
    for job in stalled:
        try:
            await app.job_manager.retry_job(job)
        except ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                raise
            log.info("job_put_back_by_another_worker", job=job.id)
    return len(stalled)
