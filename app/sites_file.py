"""SITES (design §8): where devices stand, as one JSON object in a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from domain.errors import ConfigError
from domain.site import NoiseClass, Site, SiteKind

_sites: Final = msgspec.json.Decoder(dict[str, dict[str, Any]])


class SiteEntry(msgspec.Struct, frozen=True):
    """One device of SITES; kind and area have no default, because they choose the limits."""

    kind: SiteKind
    area: Annotated[str, msgspec.Meta(pattern=r"^\d{2,12}$")]
    site: str | None = None
    sensitive: bool = False
    interval_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 60
    stoves: float | None = None
    phase: str | None = None
    noise_class: NoiseClass | None = None


def read_sites(path: Path, note: Callable[[str], None]) -> dict[str, Site]:
    """SITES as places, by device.

    Args:
        path: the file.
        note: told of keys that are ignored.

    Raises:
        ConfigError: the file is missing, or an entry is wrong; the sentence names it.
    """
    try:
        entries = _sites.decode(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name a file that can be read") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: {error}; SITES is one JSON object of device → object") from error
    places = {}
    for device, raw in entries.items():
        try:
            entry = msgspec.convert(raw, SiteEntry)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{path}: device {device!r}: {error}; correct its entry") from error
        for key in sorted(raw.keys() - set(SiteEntry.__struct_fields__)):
            note(f"{path}: device {device!r}: the key {key!r} is ignored")
        places[device] = Site(**(msgspec.structs.asdict(entry) | {"site": entry.site or device}))
    return places
