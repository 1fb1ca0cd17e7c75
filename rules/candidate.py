"""Which limits hold for a site on a day, and why the others do not (design §5, "Which standard wins").

The law of this file: per factor and site, among the standards in force that day that hold for
the site's kind and surroundings and have a limit for a site of its size, phase and noise class,
the one with the longest area prefix of the site's code replaces the others; on equal length the
later pack of the sequence wins, and so a city's own pack wins over those that ship. All such
limits of that factor in the winning standard hold. A pack marked ``beside`` replaces nothing and
is replaced by nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from domain.site import NoiseClass, Site, SiteKind, Size
from rules.condition import objections
from rules.limit_entry import LimitEntry
from rules.pack_form import Pack

Profile = tuple[SiteKind, str, bool, Size | None, str | None, NoiseClass | None]


class Candidate(NamedTuple):
    """A limit that was considered for a site and a day.

    Attributes:
        pack: its standard.
        entry: the limit.
        against: why it does not hold; empty if it holds.
    """

    pack: Pack
    entry: LimitEntry
    against: str


def profile(site: Site) -> Profile:
    """All of a site on which it depends which limits hold."""
    return (site.kind, site.area, site.sensitive, site.size, site.phase, site.noise_class)


def candidates(packs: Sequence[Pack], site: Site, day: date) -> list[Candidate]:
    """Every limit of the packs, in their order, considered for a site and a local day.

    Args:
        packs: in rising priority.
        site: the site.
        day: the local day on which a window starts.
    """
    found = [candidate for pack in packs for candidate in _alone(pack, site, day)]
    for factor in {candidate.entry.factor for candidate in found}:
        _let_the_narrowest_win(found, factor)
    return found


def _alone(pack: Pack, site: Site, day: date) -> Iterator[Candidate]:
    """The limits of a pack as if there were no other pack."""
    common = _against(pack, site, day)
    due = [entry for entry in pack.limit if entry.in_force(day)]
    by_site: dict[str, str] = {}
    for factor in {entry.factor for entry in due}:
        by_site |= objections([entry for entry in due if entry.factor == factor], site)
    for entry in pack.limit:
        dated = "" if entry.in_force(day) else f"in force {entry.days}"
        yield Candidate(pack, entry, common or dated or by_site.get(entry.id, ""))


def _against(pack: Pack, site: Site, day: date) -> str:
    """Why a standard does not hold for a site on a day; empty if it does."""
    if site.kind not in pack.kinds:
        return f"for {', '.join(pack.kinds)}, not {site.kind}"
    if not site.area.startswith(pack.area):
        return f"for area {pack.area}, not {site.area}"
    if pack.sensitive_only and not site.sensitive:
        return "only where noise-sensitive buildings are near (sensitive)"
    return "" if pack.in_force(day) else f"in force {pack.days}"


def _let_the_narrowest_win(found: list[Candidate], factor: str) -> None:
    """Of the standards that could hold, the narrowest replaces the others for this factor."""
    rivals = [
        number
        for number, (pack, entry, against) in enumerate(found)
        if entry.factor == factor and not against and not pack.beside
    ]
    if not rivals:
        return
    winner = found[max(rivals, key=lambda number: (len(found[number].pack.area), number))].pack
    for number in rivals:
        pack = found[number].pack
        if pack is not winner:
            same = len(pack.area) == len(winner.area)
            why = "is given later for the same area" if same else f"is for the narrower area {winner.area}"
            found[number] = found[number]._replace(against=f"{winner.standard} of {winner.file} {why}")
