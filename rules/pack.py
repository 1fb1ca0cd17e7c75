"""Standard packs: limits as data files, read strictly.

A pack is one standard in one TOML file; a city file holds what a city sets for itself. What the
keys mean is in docs/packs.md. A file that is wrong refuses to load with one line that names the
file, the key and the remedy.
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from domain.errors import ConfigError
from rules.city_file import CityFile, with_cities
from rules.overlap import mistaken, overlaps
from rules.pack_fault import PackFault, faults_of
from rules.pack_form import Pack

__all__ = [
    "Pack",
    "allowances",
    "check_packs",
    "load_packs",
    "optional_packs",
    "parse_pack",
    "standard_packs",
]


@dataclass(slots=True)
class _Shelf:
    """Files that belong together, as far as they could be read."""

    packs: list[Pack] = field(default_factory=list)
    cities: list[tuple[str, CityFile]] = field(default_factory=list)
    faults: list[PackFault] = field(default_factory=list)

    def put(self, text: str, file: str) -> None:
        """Read one file: a city file if it has the key ``city``, else a pack."""
        try:
            keys = tomllib.loads(text)
            if "city" in keys:
                city = CityFile.model_validate(keys)
                self.cities.append((file, city))
                self.packs += [pack.read_from(file) for pack in city.pack]
            else:
                self.packs.append(Pack.model_validate(keys).read_from(file))
        except tomllib.TOMLDecodeError as error:
            self.faults.append(PackFault(file, "", f"not TOML: {error}; correct that line"))
        except ValidationError as error:
            self.faults += faults_of(error, file)

    def put_path(self, path: Path) -> None:
        """Read one file of a city."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            fault = f"cannot be read as a pack ({reason}); name a TOML file or a folder"
            self.faults.append(PackFault(str(path), "", fault))
            return
        self.put(text, str(path))

    def sound(self) -> "_Shelf":
        """Itself, if nothing is wrong.

        Raises:
            ConfigError: the first fault, and how many more there are.
        """
        if self.faults:
            first, *rest = self.faults
            more = f" (and {len(rest)} more: yanchen packs check)" if rest else ""
            raise ConfigError(f"{first}{more}")
        return self


def parse_pack(text: str, file: str) -> Pack:
    """Read one pack.

    Args:
        text: TOML.
        file: the name to use in messages.

    Raises:
        ConfigError: the file is not TOML or not a pack.
    """
    shelf = _Shelf()
    shelf.put(text, file)
    if shelf.sound().cities:
        raise ConfigError(f"{file}: city: this is a city file; one pack is expected here")
    return shelf.packs[0]


def standard_packs() -> tuple[Pack, ...]:
    """The packs that ship and hold without being asked for."""
    return tuple(_bundled(resources.files("rules").joinpath("packs").iterdir()).packs)


def optional_packs() -> tuple[Pack, ...]:
    """The packs that ship and hold only where a city gives their name."""
    return tuple(_bundled(_optional().iterdir()).packs)


def load_packs(extra: Sequence[str] = ()) -> tuple[Pack, ...]:
    """The standard packs, then those of a city; on equal area a later one wins.

    Args:
        extra: for each a TOML file (a pack or a city file), a folder of them, or the name of an
            optional pack that ships.

    Raises:
        ConfigError: there is no such file, it is no pack, or two of one folder contradict each other.
    """
    shelves = [_shelf(name).sound() for name in extra]
    whole = _Shelf([*standard_packs(), *(pack for shelf in shelves for pack in shelf.packs)])
    whole.faults += mistaken(whole.packs)
    return with_cities(whole.sound().packs, [city for shelf in shelves for _, city in shelf.cities])


def allowances(packs: Iterable[Pack]) -> dict[tuple[str, str], int]:
    """(standard, limit) → exceedances that it allows a device a day, where it allows any.

    Windows are judged one by one; those who join them into episodes count (domain/allowance.py).
    """
    return {
        (pack.standard, limit.id): limit.allowed_per_day
        for pack in packs
        for limit in pack.limit
        if limit.allowed_per_day
    }


def check_packs(name: str) -> tuple[list[Pack], list[PackFault]]:
    """All that is wrong with a city's file or folder, and the packs that could be read.

    Raises:
        ConfigError: the folder holds no pack file.
    """
    shelf = _shelf(name)
    return shelf.packs, [*shelf.faults, *mistaken([*standard_packs(), *shelf.packs])]


def _shelf(name: str) -> _Shelf:
    path = Path(name)
    shelf = _Shelf()
    bundled = _optional().joinpath(f"{name}.toml")
    if path.is_dir():
        files = sorted(path.glob("*.toml"))
        if not files:
            raise ConfigError(f"{name}: no *.toml in this folder; name a pack file, or a folder of them")
        for file in files:
            shelf.put_path(file)
    elif not path.exists() and "/" not in name and bundled.is_file():
        return _bundled([bundled])
    else:
        shelf.put_path(path)
    shelf.faults += overlaps(shelf.packs, shelf.cities)
    return shelf


def _optional() -> Traversable:
    return resources.files("rules").joinpath("packs", "optional")


def _bundled(files: Iterable[Traversable]) -> _Shelf:
    """Packs that ship, by name of the file."""
    shelf = _Shelf()
    for file in sorted((each for each in files if each.name.endswith(".toml")), key=lambda each: each.name):
        shelf.put(file.read_text(encoding="utf-8"), file.name)
    return shelf.sound()
