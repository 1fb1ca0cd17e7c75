"""What commands print: JSON lines on standard output, times in China's zone."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from domain.instant import iso


def print_lines(lines: Iterable[Mapping[str, Any] | msgspec.Struct]) -> None:
    """One JSON object a line, Chinese as it is."""
    for line in lines:
        told = msgspec.structs.asdict(line) if isinstance(line, msgspec.Struct) else line
        print(msgspec.json.encode({key: _told(value) for key, value in told.items()}).decode())


def _told(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value
