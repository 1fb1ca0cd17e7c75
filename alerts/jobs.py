"""The door to procrastinate: jobs that are deferred in the caller's own transaction.

A job exists exactly if the transaction that asked for it was committed.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException

from alerts.ladder import Step
from domain.errors import Unavailable
from runtime.database import Connection

QUEUE: Final = "alerts"
DELIVER: Final = "alerts:deliver"
ESCALATE: Final = "alerts:escalate"

# Never opened: everything it defers goes through a connection that it is given.
_app: Final = App(connector=PsycopgConnector())


async def defer_delivery(connection: Connection, notice_id: uuid.UUID) -> None:
    """Deliver a notice once this transaction is committed; never twice at the same time."""
    task = _app.configure_task(DELIVER, queue=QUEUE, lock=f"notice:{notice_id}", connection=connection)
    with away_translated():
        await task.defer_async(notice_id=str(notice_id))


async def defer_escalation(connection: Connection, case_id: int, step: Step, at: datetime) -> None:
    """Look at a case again at an instant, and take the step if nobody has acknowledged."""
    task = _app.configure_task(
        ESCALATE, queue=QUEUE, lock=f"case:{case_id}", schedule_at=at, connection=connection
    )
    with away_translated():
        await task.defer_async(case_id=case_id, step=int(step))


@contextmanager
def away_translated() -> Iterator[None]:
    """Turn procrastinate's lost connection into ``Unavailable``; mistakes pass unchanged."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise Unavailable(f"the database does not answer: {error}") from error
    except ConnectorException as error:
        if isinstance(error.__cause__, psycopg.OperationalError | psycopg.InterfaceError):
            raise Unavailable(f"the database does not answer: {error.__cause__}") from error
        raise
