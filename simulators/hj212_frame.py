"""HJ 212-2017 frames as a device makes them: ``##``, length, data, CRC, CR LF."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from domain.site import SiteKind

CODES: Final = {
    SiteKind.RESTAURANT: {
        "oil_fume": "a34041",
        "fume_pm": "a34000",
        "nmhc": "a24088",
        "fan_on": "ga2101",
        "purifier_on": "ga0701",
        "fan_current": "ga2001",
        "purifier_current": "ga0601",
    },
    SiteKind.CONSTRUCTION: {
        "tsp": "a34001",
        "pm10": "a34002",
        "pm25": "a34004",
        "noise": "LA",
        "noise_max": "LMx",
        "temperature": "a01001",
        "humidity": "a01002",
        "pressure": "a01006",
        "wind_speed": "a01007",
        "wind_direction": "a01008",
    },
}
"""Factor → code, for what each kind of device sends; particulates of sites are in µg/m³."""

SYSTEM: Final = {SiteKind.RESTAURANT: "31", SiteKind.CONSTRUCTION: "39"}
"""ST: air pollution source, and dust of construction sites."""


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        register = value
        for _ in range(8):
            register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
        table.append(register)
    return table


# The standard shifts the register before it adds the byte, so that only the high half
# meets the byte and the eight steps depend on one byte alone: a table of 256 holds them.
_TABLE: Final = _crc_table()
_NUMPY_TABLE: Final = np.array(_TABLE, dtype=np.uint16)


def crc(data: bytes) -> int:
    """CRC of HJ 212 annex A (not Modbus)."""
    register = 0xFFFF
    for byte in data:
        register = _TABLE[(register >> 8) ^ byte]
    return register


def crc_many(messages: Sequence[bytes]) -> list[int]:
    """``crc`` of each message, all at once."""
    if not messages:
        return []
    lengths = np.array([len(message) for message in messages])
    width = int(lengths.max())
    padded = b"".join(message.ljust(width, b"\0") for message in messages)
    columns = np.frombuffer(padded, dtype=np.uint8).reshape(len(messages), width).T.astype(np.uint16)
    register = np.full(len(messages), 0xFFFF, dtype=np.uint16)
    shortest = int(lengths.min())
    for index, column in enumerate(columns):
        following = _NUMPY_TABLE[(register >> 8) ^ column]
        register = following if index < shortest else np.where(index < lengths, following, register)
    return [int(value) for value in register]


def frame(data: bytes, checksum: int) -> bytes:
    """Put data of at most 1024 bytes into its envelope."""
    return b"##%04d%s%04X\r\n" % (len(data), data, checksum)


def parse_answer(data: bytes) -> tuple[str, str, str] | None:
    """(CN, QN, MN) of an answer's frame without its line end, or nothing if it is no frame."""
    if not data.startswith(b"##"):
        return None
    header = data[6:].split(b";CP=", 1)[0].decode("ascii", "replace")
    fields = dict(field.partition("=")[::2] for field in header.split(";"))
    if not {"CN", "QN", "MN"} <= fields.keys():
        return None
    return fields["CN"], fields["QN"], fields["MN"]
