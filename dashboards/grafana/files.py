"""Dashboards ↔ files: sorted JSON, so that a change reads as a change."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.grafana.overview import overview

DASHBOARDS: Final[dict[str, Callable[[], Dashboard]]] = {"city": overview}
"""File name without ``.json`` → what makes it."""


def texts() -> dict[str, str]:
    """File name → its text, of every dashboard."""
    return {f"{name}.json": as_json(make()) for name, make in DASHBOARDS.items()}


def as_json(dashboard: Dashboard) -> str:
    """The dashboard as Grafana reads it."""
    return json.dumps(dashboard, cls=JSONEncoder, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def write(folder: Path) -> list[Path]:
    """Write the files that differ.

    Returns:
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    changed = stale(folder)
    for path in changed:
        path.write_text(texts()[path.name], "utf-8")
    return changed


def stale(folder: Path) -> list[Path]:
    """The files that are missing or not what the code makes now."""
    return [
        folder / name
        for name, text in texts().items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != text
    ]
