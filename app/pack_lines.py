"""Packs as ``yanchen packs`` prints them: one line a pack, a limit, a law; a site's limits for eyes."""

from collections.abc import Iterator, Sequence
from datetime import date

import msgspec
from rich.text import Text

from domain.site import SiteKind
from rules.explain import Explained
from rules.pack import Pack


class PackLine(msgspec.Struct, frozen=True):
    """A pack in a list."""

    standard: str
    title: str
    area: str
    kinds: tuple[SiteKind, ...]
    in_force_from: date | None
    in_force_to: date | None
    limits: int
    optional: bool
    file: str


class LimitLine(msgspec.Struct, frozen=True):
    """A limit of a pack."""

    line: str
    limit: str
    factor: str
    value: float
    unit: str
    statistic: str
    window_minutes: int
    valid_share: float
    holds: str
    only_for: tuple[str, ...]
    allowed_per_day: int
    adjustment: str
    clause: str
    mark: str
    clause_mark: str
    window_mark: str
    file: str


class LawLine(msgspec.Struct, frozen=True):
    """The law of a time."""

    line: str
    in_force: str
    duty: str
    penalty: str
    fine: tuple[int, int] | None
    refusal: str
    enforcer: str
    note: str
    mark: str


def pack_line(pack: Pack, *, optional: bool) -> PackLine:
    """A pack as listed."""
    return PackLine(
        standard=pack.standard,
        title=pack.title,
        area=pack.area,
        kinds=pack.kinds,
        in_force_from=pack.in_force_from,
        in_force_to=pack.in_force_to,
        limits=len(pack.limit),
        optional=optional,
        file=pack.file,
    )


def limit_lines(pack: Pack) -> list[LimitLine]:
    """The limits of a pack."""
    return [
        LimitLine(
            line="limit",
            limit=limit.id,
            factor=limit.factor,
            value=limit.value,
            unit=limit.unit,
            statistic=limit.statistic,
            window_minutes=limit.window_minutes,
            valid_share=limit.valid_share,
            holds=", ".join(limit.hours) or limit.period or "all day",
            only_for=(*limit.sizes, *limit.phases, *limit.noise_classes),
            allowed_per_day=limit.allowed_per_day,
            adjustment=limit.adjustment.kind if limit.adjustment else "",
            clause=limit.clause,
            mark=limit.mark,
            clause_mark=limit.clause_mark,
            window_mark=limit.window_mark,
            file=pack.file,
        )
        for limit in pack.limit
    ]


def law_lines(pack: Pack) -> list[LawLine]:
    """Duty and penalty of a pack, by time."""
    return [
        LawLine(
            line="law",
            in_force=str(law.days),
            duty=law.duty,
            penalty=law.penalty,
            fine=law.fine,
            refusal=law.refusal,
            enforcer=law.enforcer,
            note=law.note,
            mark=law.mark,
        )
        for law in pack.law
    ]


def told(found: Sequence[Explained]) -> list[Text]:
    """Limits of a site for a terminal: what holds with its law, then what does not."""
    return [text for each in found for text in _told(each)]


def _told(each: Explained) -> Iterator[Text]:
    mark, style = ("✓", "bold") if each.holds else ("–", "dim")
    figure = f"{each.value:g} {each.unit}"
    yield Text(f"{mark} {each.factor} {figure}  {each.standard} {each.limit}: {each.why}", style=style)
    if each.duty:
        fine = f", {each.fine[0]}–{each.fine[1]} yuan" if each.fine else ""
        yield Text(f"    {each.duty} → {each.penalty}{fine}; {each.enforcer}")
    if each.law_note:
        yield Text(f"    {each.law_note}")
