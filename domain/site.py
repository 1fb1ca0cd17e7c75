"""Places as judging and ingest see them: a device and the site where it stands."""

from dataclasses import dataclass
from enum import StrEnum


class SiteKind(StrEnum):
    """Kind of site (场所): it decides which limits can hold."""

    RESTAURANT = "restaurant"  # 餐饮单位
    CONSTRUCTION = "construction"  # 工地


class Protocol(StrEnum):
    """What a device speaks."""

    MQTT = "mqtt"
    HJ212 = "hj212"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What judging must know of the place where a device stands.

    Attributes:
        site: its id in the register.
        kind: restaurant or construction site.
        area: administrative code, 6 digits (GB/T 2260).
        sensitive: noise-sensitive buildings around it.
        interval_s: reporting interval of the device, seconds.
        stoves: base stoves (基准灶头数), for the size class of GB 18483.
        phase: construction phase, where a limit depends on it.
    """

    site: str
    kind: SiteKind
    area: str
    sensitive: bool = False
    interval_s: int = 60
    stoves: float | None = None
    phase: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of the register.

    Attributes:
        device: its MN or name; the identity on every wire.
        point_id: the monitoring point (点位) under which its readings are stored.
        site: the place.
        protocol: what it speaks.
        password: the HJ 212 PW that it must send; none is not checked.
        vendor: name of its vendor map; none is the national codes.
        crc_rules: names of the HJ 212 checksum rules that it may use (docs/hj212.md); none is any
            known one.
        enabled: a disabled device is refused like an unknown one.
    """

    device: str
    point_id: int
    site: Site
    protocol: Protocol = Protocol.MQTT
    password: str | None = None
    vendor: str | None = None
    crc_rules: frozenset[str] | None = None
    enabled: bool = True
