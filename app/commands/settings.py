"""``yanchen settings``: every setting with its variable, default and meaning, as Markdown."""

from collections.abc import Iterator
from datetime import timedelta

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from runtime.settings import Settings

_HEAD = """# Settings 配置

Every setting is an environment variable; there is no other place. A wrong one refuses to start and is named.
This page is what `yanchen settings` prints.
"""


def settings() -> None:
    """Print the page docs/settings.md."""
    typer.echo(page(), nl=False)


def page() -> str:
    """The page as Markdown."""
    lines = [_HEAD]
    plain = [
        row(f"YANCHEN_{name.upper()}", field)
        for name, field in Settings.model_fields.items()
        if not _group(field)
    ]
    lines += _table("All services", plain)
    for name, field in Settings.model_fields.items():
        group = _group(field)
        if group is not None:
            prefix = f"YANCHEN_{name.upper()}__"
            rows = [row(prefix + key.upper(), inner) for key, inner in group.model_fields.items()]
            lines += _table((group.__doc__ or name).strip(), rows)
    return "\n".join(lines)


def _group(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _table(title: str, rows: list[str]) -> Iterator[str]:
    yield from ("## " + title, "", "| variable | default | meaning |", "|---|---|---|", *rows, "")


def row(variable: str, field: FieldInfo) -> str:
    """One line of a table."""
    return f"| `{variable}` | {_shown(field.default)} | {field.description or ''} |"


def _shown(default: object) -> str:
    if default in (None, "", ()):
        return "(empty)"
    if isinstance(default, timedelta):
        return f"`{default.total_seconds():.0f}` s"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
