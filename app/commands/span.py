"""Spans of time as people type them: ``90s``, ``45min``, ``3h``, ``2d``."""

import re
from datetime import timedelta
from typing import Final

import typer

_UNITS: Final = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400}


def parse_span(text: str) -> timedelta:
    """A span of time.

    Raises:
        typer.BadParameter: it is not a number and a unit.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|m|h|d)\s*", text)
    if not found:
        raise typer.BadParameter(f"{text!r} is no span of time; write 90s, 45min, 3h or 2d")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])
