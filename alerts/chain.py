"""The chain of a case's events: a changed, missing or added row is found.

``hash = sha256(prev_hash ‖ canonical JSON of the row)``; the first row's ``prev_hash`` is 64 zeros.
It finds a change of some rows. Whoever rewrites a whole chain is found only against a copy
of its last hash kept elsewhere, such as on a printed letter.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

GENESIS: Final = "0" * 64
ENGINE: Final = "yanchen"
"""The actor of what no person did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of a case.

    Attributes:
        case_id: the case.
        seq: 1, 2, 3 … within the case.
        at: when it was recorded.
        kind: what happened.
        actor: login name, or ``yanchen``.
        detail: more about it; JSON.
        prev_hash: hash of the event before.
        hash: hash of this one.
    """

    case_id: int
    seq: int
    at: datetime
    kind: str
    actor: str
    detail: dict[str, Any]
    prev_hash: str
    hash: str


def link(
    before: Event | None, *, case_id: int, at: datetime, kind: str, actor: str, detail: dict[str, Any]
) -> Event:
    """The event that follows ``before`` in its case's chain."""
    seq = before.seq + 1 if before else 1
    prev_hash = before.hash if before else GENESIS
    row = {"case_id": case_id, "seq": seq, "at": at, "kind": kind, "actor": actor, "detail": detail}
    return Event(**row, prev_hash=prev_hash, hash=_hash(prev_hash, row))  # type: ignore[arg-type]


def verify(events: Sequence[Event]) -> int | None:
    """The ``seq`` at which a case's chain first breaks; None if it is whole."""
    prev_hash = GENESIS
    for position, event in enumerate(events, start=1):
        row = {
            "case_id": event.case_id,
            "seq": event.seq,
            "at": event.at,
            "kind": event.kind,
            "actor": event.actor,
            "detail": event.detail,
        }
        if event.seq != position or event.prev_hash != prev_hash or event.hash != _hash(prev_hash, row):
            return position
        prev_hash = event.hash
    return None


def canonical(value: dict[str, Any]) -> bytes:
    """JSON with one spelling: sorted keys, no spaces, UTF-8, UTC times, whole figures without ``.0``."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _plain(value: Any) -> Any:
    # jsonb keeps a number's worth, not its spelling: 1e16 comes back as an integer.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _hash(prev_hash: str, row: dict[str, Any]) -> str:
    return hashlib.sha256(prev_hash.encode() + canonical(row)).hexdigest()
