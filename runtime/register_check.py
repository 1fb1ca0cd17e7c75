"""What must hold of a register: every entry that breaks a rule is named, with the remedy.

Pure. A city's JSON file and a sheet's rows come here alike, so both keep the same rules.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from domain.register import Account, GridCell, GridLevel, Monitor, Place, Role, Squad
from runtime.broker_accounts import name_trouble

Item = GridCell | Squad | Place | Monitor | Account

_ABOVE: Final = tuple(GridLevel)
_AREA: Final = re.compile(r"\d{6}", re.ASCII)
_FIGURE: Final = re.compile(r"\d+(\.\d+)?E\+\d+", re.IGNORECASE | re.ASCII)
_ID: Final[Mapping[type, str]] = {
    GridCell: "code",
    Squad: "squad",
    Place: "site",
    Monitor: "device",
    Account: "username",
}


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a register file.

    Attributes:
        row: the sheet's row number, or the place in a JSON file.
        column: the heading or key.
        problem: what was found there.
        remedy: what to do.
    """

    row: int | str
    column: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """A line for people."""
        row = f"row {self.row}" if isinstance(self.row, int) else self.row
        return f"{row}, {self.column}: {self.problem}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of a register file.

    Attributes:
        row: where it stands.
        item: what it is.
        headings: field → the heading under which it was found, where that is not its name.
    """

    row: int | str
    item: Item
    headings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the register holds already, and what only ingest knows: the shell brings it.

    Attributes:
        cells: codes of grid cells.
        squads: ids.
        sites: ids.
        vendors: names of vendor layers.
        crc_rules: names of HJ 212 checksum rules.
        reserved: names that no device may have, such as the services' MQTT account.
    """

    cells: AbstractSet[str] = frozenset()
    squads: AbstractSet[str] = frozenset()
    sites: AbstractSet[str] = frozenset()
    vendors: tuple[str, ...] = ()
    crc_rules: tuple[str, ...] = ()
    reserved: AbstractSet[str] = frozenset()


Complaint = tuple[str, str, str]
"""Field, problem, remedy."""


def check(entries: Iterable[Entry], known: Known) -> tuple[list[Entry], list[Fault]]:
    """Sort the entries into good ones and faults.

    What an entry refers to must be in the register, or be a good entry of the same file.
    """
    good: list[Entry] = []
    faults: list[Fault] = []
    ids: dict[type, set[str]] = {
        GridCell: set(known.cells),
        Squad: set(known.squads),
        Place: set(known.sites),
        Monitor: set(),
        Account: set(),
    }
    known = replace(known, cells=ids[GridCell], squads=ids[Squad], sites=ids[Place])
    seen: dict[tuple[type, str], int | str] = {}
    for entry in sorted(entries, key=_order):
        key = (type(entry.item), ident(entry.item))
        complaints = [*_complaints(entry.item, known), *_repeated(entry.item, seen.get(key))]
        seen.setdefault(key, entry.row)
        faults += [
            Fault(row=entry.row, column=entry.headings.get(name, name), problem=problem, remedy=remedy)
            for name, problem, remedy in complaints
        ]
        if not complaints:
            good.append(entry)
            ids[type(entry.item)].add(ident(entry.item))
    return good, faults


def ident(item: Item) -> str:
    """The id under which an item is kept."""
    name: str = getattr(item, _ID[type(item)])
    return name


def _order(entry: Entry) -> tuple[int, int]:
    """What is referred to comes first; a parent cell before its children."""
    level = _ABOVE.index(entry.item.level) if isinstance(entry.item, GridCell) else 0
    return list(_ID).index(type(entry.item)), level


def _repeated(item: Item, first: int | str | None) -> Iterator[Complaint]:
    if first is not None:
        name = _ID[type(item)]
        yield name, f"{ident(item)!r} stands at {first} already", "keep one of the two"


def _complaints(item: Item, known: Known) -> Sequence[Complaint]:
    rules: Mapping[type, Callable[[Any, Known], Iterator[Complaint]]] = {
        GridCell: _of_cell,
        Squad: _of_squad,
        Place: _of_place,
        Monitor: _of_monitor,
        Account: _of_account,
    }
    if not ident(item):
        return [(_ID[type(item)], "it is empty", "give it an id")]
    if _FIGURE.fullmatch(ident(item)):
        remedy = "format the column as text (文本) and enter the number again"
        return [(_ID[type(item)], f"{ident(item)!r} is a figure that the spreadsheet has rounded", remedy)]
    return list(rules[type(item)](item, known))


def _of_cell(cell: GridCell, known: Known) -> Iterator[Complaint]:
    if cell.parent is not None and cell.parent not in known.cells:
        yield "parent", f"there is no cell {cell.parent!r} of a higher level", "add it, or correct the code"


def _of_squad(squad: Squad, known: Known) -> Iterator[Complaint]:
    yield from _cell_known("grid_code", squad.grid_code, known)
    if squad.webhook_url and not squad.webhook_url.startswith(("http://", "https://")):
        yield "webhook_url", f"{squad.webhook_url!r} is no web address", "begin it with https://"


def _of_place(place: Place, known: Known) -> Iterator[Complaint]:
    yield from _cell_known("grid_code", place.grid_code, known)
    if not _AREA.fullmatch(place.area):
        remedy = "give the six digits of GB/T 2260, such as 320602"
        yield "area", f"{place.area!r} is no administrative code", remedy
    for name, value, most in (("lon", place.lon, 180), ("lat", place.lat, 90)):
        if not -most <= value <= most:
            yield name, f"{value:g} is outside -{most} to {most}", "give degrees, longitude before latitude"
    if place.stoves is not None and not place.stoves > 0:
        yield "stoves", f"{place.stoves:g} base stoves", "give more than 0, or leave it empty"


def _of_monitor(monitor: Monitor, known: Known) -> Iterator[Complaint]:
    if trouble := name_trouble(monitor.device):
        yield (
            "device",
            f"{monitor.device!r} cannot be a device's name: {trouble}",
            "use its MN, without blanks",
        )
    elif monitor.device in known.reserved:
        yield "device", f"{monitor.device!r} is the name of our own MQTT account", "use another name"
    if monitor.site not in known.sites:
        remedy = "import the site first (yanchen sites import), or correct it"
        yield "site", f"there is no site {monitor.site!r}", remedy
    if monitor.interval_s <= 0:
        yield (
            "interval_s",
            f"an interval of {monitor.interval_s} s",
            "give seconds, 60 for one report a minute",
        )
    yield from _passwords(monitor)
    unknown = [name for name in (monitor.vendor or "").split("+") if name and name not in known.vendors]
    if unknown or monitor.vendor == "":
        remedy = f"use {', '.join(known.vendors)}, joined by '+', or leave it empty"
        yield "vendor", f"there is no vendor map {'+'.join(unknown)!r}", remedy
    yield from _crc_rules(monitor, known)


def _crc_rules(monitor: Monitor, known: Known) -> Iterator[Complaint]:
    if monitor.crc_rules is None:
        return
    unknown = [name for name in monitor.crc_rules if name not in known.crc_rules]
    if unknown or not monitor.crc_rules:
        problem = (
            f"there is no checksum rule {', '.join(map(repr, unknown))}" if unknown else "the list is empty"
        )
        remedy = f"use some of {', '.join(known.crc_rules)}, or leave it out for any of them"
        yield "crc_rules", problem, remedy


def _passwords(monitor: Monitor) -> Iterator[Complaint]:
    for name in ("password", "mqtt_password"):
        text = getattr(monitor, name)
        if text is not None and (not text or any(sign in text for sign in "\n\r\0")):
            yield name, "it is empty or has a line break", "give a password, or leave it out"


def _of_account(account: Account, known: Known) -> Iterator[Complaint]:
    if not account.password:
        yield "password", "it is empty", "give a password"
    if account.squad is not None and account.squad not in known.squads:
        yield "squad", f"there is no squad {account.squad!r}", "add it, or correct it"
    if account.role is Role.SQUAD and account.squad is None:
        yield "squad", "a squad's account needs its squad", "name it"


def _cell_known(name: str, code: str, known: Known) -> Iterator[Complaint]:
    if code not in known.cells:
        yield name, f"there is no grid cell {code!r}", "add it with yanchen register import, or correct it"
