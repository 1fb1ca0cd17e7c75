"""Which limits hold for a site at an instant, why the others do not, and what the law says then."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from domain.instant import to_ms
from domain.site import Site
from rules.candidate import Candidate, candidates
from rules.law import Law
from rules.limit_entry import LimitEntry
from rules.limits import minutes_of_day
from rules.pack_form import Pack
from rules.window import MINUTE_MS, local_day, minute_of_day, window_start

_NO_LAW = Law(duty="", penalty="", mark="")


class Explained(msgspec.Struct, frozen=True):
    """One limit that was considered.

    Attributes:
        holds: whether it is judged.
        factor: its factor.
        standard: its standard.
        limit: its id.
        value: the limit, in ``unit``.
        unit: the factor's unit.
        statistic: what of the window is compared.
        window_minutes: length of the window.
        allowed_per_day: exceedances a day that are allowed.
        why: why it holds or does not.
        clause: where the standard says so.
        mark: how sure we are of the value.
        duty: the law of that day, of a limit that holds: what must be done.
        penalty: what follows.
        fine: least and most, yuan.
        refusal: what follows if correction is refused.
        enforcer: who enforces it.
        law_note: what a person must know before quoting it.
        file: the pack's file.
    """

    holds: bool
    factor: str
    standard: str
    limit: str
    value: float
    unit: str
    statistic: str
    window_minutes: int
    allowed_per_day: int
    why: str
    clause: str
    mark: str
    duty: str
    penalty: str
    fine: tuple[int, int] | None
    refusal: str
    enforcer: str
    law_note: str
    file: str


def explain(packs: Sequence[Pack], site: Site, at: datetime) -> list[Explained]:
    """Every limit for sites of this kind, those that hold first.

    Args:
        packs: as ``load_packs`` gives them.
        site: the site.
        at: an instant; a limit is asked for the window that holds it.
    """
    at_ms = to_ms(at)
    day = local_day(at_ms)
    found = [
        _explained(each, at_ms, day) for each in candidates(packs, site, day) if site.kind in each.pack.kinds
    ]
    return sorted(found, key=lambda each: (not each.holds, each.factor))


def _explained(candidate: Candidate, at_ms: int, day: date) -> Explained:
    pack, entry, against = candidate
    against = against or _by_time_of_day(candidate, at_ms)
    law = (None if against else pack.law_on(day)) or _NO_LAW
    return Explained(
        holds=not against,
        factor=entry.factor,
        standard=pack.standard,
        limit=entry.id,
        value=entry.value,
        unit=entry.unit,
        statistic=entry.statistic,
        window_minutes=entry.window_minutes,
        allowed_per_day=entry.allowed_per_day,
        why=against or _reason(pack, entry),
        clause=entry.clause,
        mark=entry.mark,
        duty=law.duty,
        penalty=law.penalty,
        fine=law.fine,
        refusal=law.refusal,
        enforcer=law.enforcer,
        law_note=law.note,
        file=pack.file,
    )


def _by_time_of_day(candidate: Candidate, at_ms: int) -> str:
    pack, entry, _ = candidate
    minutes = minutes_of_day(pack, entry)
    minute = minute_of_day(window_start(at_ms, entry.window_minutes * MINUTE_MS))
    if minutes is None or minute in minutes:
        return ""
    told = ", ".join(entry.hours) or f"{entry.period}; the night is {pack.night.start}-{pack.night.end}"
    return f"not for windows that start at {minute // 60:02d}:{minute % 60:02d}, only for {told}"


def _reason(pack: Pack, entry: LimitEntry) -> str:
    place = f"area {pack.area}" if pack.area else "the whole country"
    if entry.during:
        return f"holds in {place} while the calendar has {entry.during}, in force {pack.days}"
    if pack.beside:
        return f"holds beside others in {place}, in force {pack.days}"
    return f"the narrowest that holds: {place}, in force {pack.days}"
