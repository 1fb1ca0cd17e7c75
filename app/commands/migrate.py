"""``yanchen migrate``: bring the database to this version."""

import typer

from runtime.migrations import migrate as apply
from runtime.settings import load_settings


def migrate() -> None:
    """Apply the migrations that are missing; does nothing on a current database."""
    applied = apply(load_settings().database.url)
    typer.echo(f"applied {', '.join(applied)}" if applied else "the database is current", err=True)
