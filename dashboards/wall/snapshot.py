"""What a wall shows at one moment, and what changed between two moments. Pure.

The law of this file: values are replaced, never changed in place, so that every wall can
hold on to the snapshot that it was last sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Trouble(StrEnum):
    """Why the newest reading of the database failed."""

    DATABASE = "database"  # it does not answer
    FAILED = "failed"  # it answers with an error; the log has it


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state of the walls.

    Attributes:
        values: section → value; a section not read yet is missing.
        read_at: when the database last answered.
        trouble: set while it does not.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    read_at: datetime | None = None
    trouble: Trouble | None = None


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What a wall that shows ``old`` must be told to show ``new``.

    A section that is an object of scalars by key is told by its changed keys (null for one
    that is gone), so that one site's change does not send two thousand sites.
    """
    told: dict[str, Any] = {}
    for section, value in new.items():
        before = old.get(section)
        if value == before:
            continue
        told[section] = _patch(before, value) if isinstance(value, dict) and before else value
    return told


def _patch(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    gone = dict.fromkeys(before.keys() - after.keys())
    return gone | {key: value for key, value in after.items() if key not in before or before[key] != value}
