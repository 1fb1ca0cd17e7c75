"""What if: packs with other figures, as ``--set oil_fume.limit=1.0`` says."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pydantic import ValidationError

from domain.errors import ConfigError
from rules.limit_entry import LimitEntry
from rules.pack import Pack

_FORM: Final = "write NAME.limit=VALUE, such as oil_fume.limit=1.0"
_KEYS: Final[Mapping[str, str]] = {
    "limit": "value",
    "valid_share": "valid_share",
    "allowed_per_day": "allowed_per_day",
}
"""Key of a change → key of a pack."""


class Change(NamedTuple):
    """One figure that is to be another.

    Attributes:
        text: as it was written.
        standard: number of the standard; empty is every pack.
        name: a factor, or the id of a limit.
        key: ``limit``, ``valid_share`` or ``allowed_per_day``.
        value: the figure; of ``limit`` in the factor's unit.
    """

    text: str
    standard: str
    name: str
    key: str
    value: float

    def concerns(self, pack: Pack, limit: LimitEntry) -> bool:
        """Whether a limit is meant."""
        return self.standard in ("", pack.standard) and self.name in (limit.factor, limit.id)


def parse_change(text: str) -> Change:
    """Read ``[STANDARD:]NAME.KEY=VALUE``.

    Raises:
        ConfigError: it is not of that form, or there is no such key.
    """
    left, equals, right = text.partition("=")
    place, dot, key = left.strip().rpartition(".")
    standard, _, name = place.rpartition(":")
    if not equals or not dot or not name:
        raise ConfigError(f"--set {text!r}: {_FORM}")
    if key not in _KEYS:
        raise ConfigError(f"--set {text!r}: {key!r} cannot be set; use {' or '.join(_KEYS)}")
    try:
        return Change(text, standard, name, key, float(right))
    except ValueError as error:
        raise ConfigError(f"--set {text!r}: {right.strip()!r} is no number; {_FORM}") from error


def changed_packs(
    packs: Sequence[Pack], changes: Sequence[Change], window_minutes: int | None = None
) -> tuple[Pack, ...]:
    """Packs with other figures.

    Args:
        packs: in rising priority.
        changes: what is different.
        window_minutes: another window, for the limits that the changes name; for all of them where there
            are no changes.

    Raises:
        ConfigError: a change names nothing, or more than one limit of a pack, or no pack could say that.
    """
    for change in changes:
        _check_name(change, packs)
        for pack in packs:
            _check_one(change, pack)
    return tuple(_changed(pack, changes, window_minutes) for pack in packs)


def _check_name(change: Change, packs: Sequence[Pack]) -> None:
    standards = {pack.standard for pack in packs}
    if change.standard and change.standard not in standards:
        known = ", ".join(sorted(standards))
        raise ConfigError(f"--set {change.text!r}: no pack is {change.standard!r}; there are {known}")
    if not any(change.concerns(pack, limit) for pack in packs for limit in pack.limit):
        factors = ", ".join(sorted({limit.factor for pack in packs for limit in pack.limit}))
        ids = ", ".join(sorted({limit.id for pack in packs for limit in pack.limit}))
        raise ConfigError(
            f"--set {change.text!r}: nothing limits {change.name!r}; use a factor ({factors})"
            f" or the id of a limit ({ids})"
        )


def _check_one(change: Change, pack: Pack) -> None:
    """Day and night have limits of their own: one figure for both is hardly meant."""
    meant = [limit for limit in pack.limit if change.concerns(pack, limit)]
    if len({limit.value for limit in meant}) > 1:
        ids = ", ".join(limit.id for limit in meant)
        raise ConfigError(
            f"--set {change.text!r}: {pack.standard} has several limits of {change.name!r}; name one of {ids}"
        )


def _changed(pack: Pack, changes: Sequence[Change], window_minutes: int | None) -> Pack:
    try:
        limits = tuple(_limit(limit, _update(pack, limit, changes, window_minutes)) for limit in pack.limit)
    except ValidationError as error:
        first = error.errors()[0]
        said = first.get("ctx", {}).get("error", first["msg"])
        raise ConfigError(f"{pack.standard}, changed: {said}") from error
    return pack.model_copy(update={"limit": limits})


def _update(
    pack: Pack, limit: LimitEntry, changes: Sequence[Change], window_minutes: int | None
) -> dict[str, float]:
    """Key of the pack → what it says now."""
    mine = [change for change in changes if change.concerns(pack, limit)]
    update: dict[str, float] = {_KEYS[change.key]: change.value for change in mine}
    if window_minutes is not None and (mine or not changes):
        update["window_minutes"] = window_minutes
    return update


def _limit(limit: LimitEntry, update: Mapping[str, float]) -> LimitEntry:
    """A limit with other figures, checked as if it were read from a file."""
    return LimitEntry.model_validate({**limit.model_dump(), **update}) if update else limit
