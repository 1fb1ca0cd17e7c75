"""The register (台账 of places): who and what a city has, as it is imported.

One JSON file of this form is a whole city: ``yanchen register import FILE``. Importing it
again changes only what differs.
"""

from enum import StrEnum

import msgspec

from domain.site import NoiseClass, Protocol, SiteKind


class GridLevel(StrEnum):
    """The four levels of the grid."""

    CITY = "city"  # 市
    DISTRICT = "district"  # 区
    SUBDISTRICT = "subdistrict"  # 街道
    GRID = "grid"  # 网格


class GridCell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of the grid tree.

    Attributes:
        code: its code; the first 6 digits are the administrative code.
        name: its name.
        level: its level.
        parent: code of the cell above; null for the city.
    """

    code: str
    name: str
    level: GridLevel
    parent: str | None = None


class Squad(msgspec.Struct, frozen=True, kw_only=True):
    """A squad (中队) and the cell whose whole subtree it answers for.

    Attributes:
        squad: its id.
        name: its name.
        grid_code: the cell that it owns.
        webhook_url: where its notices are posted; null means the squad page only.
        on_duty: whether notices may be sent to it.
    """

    squad: str
    name: str
    grid_code: str
    webhook_url: str | None = None
    on_duty: bool = True


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A site (场所).

    Attributes:
        site: its id.
        name: its name.
        kind: restaurant or construction site.
        area: administrative code, 6 digits.
        grid_code: the grid cell it lies in.
        lon: longitude, degrees (CGCS2000).
        lat: latitude, degrees.
        address: for the squad to find it.
        sensitive: noise-sensitive buildings around it.
        stoves: base stoves, for restaurants.
        phase: construction phase, for construction sites.
        noise_class: functional area for sound (声环境功能区), where a noise limit depends on it.
    """

    site: str
    name: str
    kind: SiteKind
    area: str
    grid_code: str
    lon: float
    lat: float
    address: str = ""
    sensitive: bool = False
    stoves: float | None = None
    phase: str | None = None
    noise_class: NoiseClass | None = None


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    """A device of the register, standing at a site.

    Attributes:
        device: its MN or name: the identity on every wire.
        site: the site where it stands.
        protocol: what it speaks.
        interval_s: reporting interval, seconds.
        password: the HJ 212 PW it must send; null is not checked.
        vendor: name of its vendor map; null is the national codes.
        model: maker and model.
        crc_rules: the HJ 212 checksum rules that it may use (docs/hj212.md); null is any known one.
        mqtt_password: its password on the broker, in clear in the import file only; null leaves
            the account that it has.
    """

    device: str
    site: str
    protocol: Protocol = Protocol.MQTT
    interval_s: int = 60
    password: str | None = None
    vendor: str | None = None
    model: str = ""
    crc_rules: tuple[str, ...] | None = None
    mqtt_password: str | None = None


class Role(StrEnum):
    """What an account may do."""

    OPERATOR = "operator"  # 运维
    SUPERVISOR = "supervisor"  # 督办
    SQUAD = "squad"  # 中队
    VIEWER = "viewer"  # 值守大屏


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person who may log in; the password is stored only as an argon2 hash.

    Attributes:
        username: login name.
        password: in clear, in the import file only.
        name: how the person is shown in the records.
        role: what the account may do.
        squad: the squad it belongs to, for role ``squad``.
    """

    username: str
    password: str
    name: str
    role: Role
    squad: str | None = None


class City(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a city's register file holds; every list may be empty."""

    cells: tuple[GridCell, ...] = ()
    squads: tuple[Squad, ...] = ()
    places: tuple[Place, ...] = ()
    monitors: tuple[Monitor, ...] = ()
    accounts: tuple[Account, ...] = ()
