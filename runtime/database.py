"""The door to PostgreSQL: a pool, typed rows, and errors in Yanchen's words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from domain.errors import Unavailable
from runtime.settings import Database as DatabaseSettings

Connection: TypeAlias = AsyncConnection[DictRow]
Pool: TypeAlias = AsyncConnectionPool[Connection]

_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, errors.AdminShutdown)


@asynccontextmanager
async def open_pool(settings: DatabaseSettings) -> AsyncIterator[Pool]:
    """A pool of connections whose rows are dicts; sessions speak UTC.

    Raises:
        Unavailable: the server does not answer within 30 s.
    """
    pool: Pool = AsyncConnectionPool(
        settings.url,
        connection_class=AsyncConnection[DictRow],
        kwargs={"row_factory": dict_row, "options": "-c timezone=UTC", "autocommit": True},
        min_size=1,
        max_size=settings.pool,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    try:
        with translated():
            await pool.open(wait=True, timeout=30)
    except Unavailable as error:
        raise Unavailable(f"{error}; YANCHEN_DATABASE__URL names {_place(settings.url)}") from error
    try:
        yield pool
    finally:
        await pool.close()


def _place(url: str) -> str:
    """Host, port and database of a connection URL, without its password."""
    given = conninfo_to_dict(url)
    named = {name: given[name] for name in ("host", "port", "dbname") if name in given}
    return make_conninfo("", **named) or "no server"


class translated:  # noqa: N801 - reads as a word in a with statement
    """Context manager that turns a lost server into ``Unavailable``.

    The original error stays in ``__cause__``; mistakes in SQL or data pass unchanged.
    """

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Translate what says that the server is away."""
        if isinstance(error, _AWAY):
            raise Unavailable(f"the database does not answer: {error}") from error


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction: committed at the end of the block, undone if it raises.

    Raises:
        Unavailable: the server is away; nothing was committed.
    """
    with translated():
        async with pool.connection() as connection, connection.transaction():
            yield connection
