"""Overlapping validity among files that belong together.

Between files given one after the other the later wins on purpose; within one folder or one city
file nothing says which, so two packs that would replace each other are refused.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

from rules.city_file import CityFile
from rules.form import Days, common_days
from rules.pack_fault import PackFault
from rules.pack_form import Pack


def overlaps(packs: Sequence[Pack], cities: Sequence[tuple[str, CityFile]] = ()) -> Iterator[PackFault]:
    """One fault for each two packs, or nights of city files, that claim the same place and day."""
    for one, other in combinations(packs, 2):
        found = _both_hold(one, other)
        if found:
            factor, days = found
            yield PackFault(
                other.file,
                "in_force_from",
                f"{other.standard!r} and {one.standard!r} of {one.file} both limit {factor} in area "
                f"{other.area!r} {days}; end one with in_force_to, or let one hold beside the other "
                "(beside = true)",
            )
    for (file, city), (second_file, second) in combinations(cities, 2):
        for night in city.night if city.area == second.area else ():
            for days in filter(None, (common_days(night, other) for other in second.night)):
                yield PackFault(
                    second_file,
                    "night",
                    f"{file} sets a night for area {city.area!r}, too, {days}; keep one, or end one",
                )


def mistaken(packs: Sequence[Pack]) -> Iterator[PackFault]:
    """One fault for each limit that would hold beside another under the same standard and id."""
    for pack in (pack for pack in packs if pack.beside):
        ids = {limit.id for limit in pack.limit}
        for other in packs:
            same = ids & {limit.id for limit in other.limit}
            if same and other is not pack and other.standard == pack.standard and common_days(pack, other):
                yield PackFault(
                    pack.file,
                    "standard",
                    f"{pack.standard!r} has a limit {min(same)!r} in {other.file}, too; "
                    "what holds beside it needs a name of its own",
                )


def _both_hold(one: Pack, other: Pack) -> tuple[str, Days] | None:
    """A factor that both would judge at some site on some day, and the days."""
    if one.area != other.area or one.beside or other.beside or not set(one.kinds) & set(other.kinds):
        return None
    for mine in one.limit:
        for theirs in other.limit:
            days = common_days(one, other, mine, theirs)
            if mine.factor == theirs.factor and days:
                return mine.factor, days
    return None
