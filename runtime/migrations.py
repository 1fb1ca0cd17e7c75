"""The door to yoyo and procrastinate's schema: bring a database to this version."""

from importlib.resources import as_file, files

import psycopg
from procrastinate import App, SyncPsycopgConnector
from yoyo import get_backend, read_migrations

from domain.errors import Unavailable


def migrate(url: str) -> list[str]:
    """Apply what is missing, in order, under a lock; safe to call at every start.

    Returns:
        The names of the migrations applied now.

    Raises:
        Unavailable: the database does not answer.
    """
    try:
        with psycopg.connect(url) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError as error:
        raise Unavailable(f"the database does not answer: {error}") from error
    applied = _apply_ours(url)
    _apply_procrastinate(url)
    return applied


def _apply_ours(url: str) -> list[str]:
    backend = get_backend(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with as_file(files("runtime").joinpath("migrations")) as folder, backend.lock():
            todo = backend.to_apply(read_migrations(str(folder)))
            backend.apply_migrations(todo)
            return [migration.id for migration in todo]
    finally:
        backend.connection.close()


def _apply_procrastinate(url: str) -> None:
    """Its schema is one script; later versions bring their own migrations (docs/operating.md)."""
    with psycopg.connect(url) as connection:
        present = connection.execute("SELECT to_regclass('procrastinate_jobs') IS NOT NULL").fetchone()
    if present and present[0]:
        return
    connector = SyncPsycopgConnector(conninfo=url)
    with App(connector=connector).open() as app:
        app.schema_manager.apply_schema()
