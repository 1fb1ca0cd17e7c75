"""Places as judging and ingest see them: a device and the site where it stands."""

from dataclasses import dataclass
from enum import StrEnum


class SiteKind(StrEnum):
    """Kind of site (场所): it decides which limits can hold."""

    RESTAURANT = "restaurant"  # 餐饮单位
    CONSTRUCTION = "construction"  # 工地


class Size(StrEnum):
    """Size of a restaurant (规模) by its base stoves (GB 18483-2001)."""

    SMALL = "small"  # 小型: 1 to under 3
    MEDIUM = "medium"  # 中型: 3 to under 6
    LARGE = "large"  # 大型: 6 and more


class NoiseClass(StrEnum):
    """Functional area for sound (声环境功能区, GB 3096-2008)."""

    QUIET = "0"
    LIVING = "1"
    MIXED = "2"
    INDUSTRY = "3"
    ROADSIDE = "4a"
    RAILSIDE = "4b"


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
        noise_class: functional area for sound, where a limit depends on it.
    """

    site: str
    kind: SiteKind
    area: str
    sensitive: bool = False
    interval_s: int = 60
    stoves: float | None = None
    phase: str | None = None
    noise_class: NoiseClass | None = None

    @property
    def size(self) -> Size | None:
        """Size by base stoves (GB 18483-2001); none if they are not known."""
        if not self.stoves or self.stoves < 0:
            return None
        if self.stoves < 3:
            return Size.SMALL
        return Size.MEDIUM if self.stoves < 6 else Size.LARGE


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
