"""The checksum of HJ 212, and the variants that devices in the field send instead.

HJ 212-2017 annex A names its checksum "ANSI CRC16", but shifts the register by a whole
byte *before* it mixes the next byte in. So only the high byte of the register survives a
step: there are just 256 different checksums, and a step is a linear map of one byte whose
eighth power is the identity. Bytes that lie a multiple of eight apart may therefore be
XORed together first: the text, as one long number, is folded in half until eight bytes are left.

Because one corrupted frame in 256 passes any *further* rule by chance, the two rules that
are close relatives of the standard one ask for a second witness (see ``identify``).
"""

from typing import Final

_POLYNOMIAL: Final = 0xA001
_SPACES: Final = b" \t"

RULES: Final = (
    *("standard", "standard-unpadded", "standard-byteswapped", "modbus", "modbus-byteswapped", "arc"),
    *("standard-without-end", "standard-without-spaces"),
)
"""The rules by which ``identify`` knows a checksum."""


def _entry(byte: int) -> int:
    register = byte
    for _ in range(8):
        register = (register >> 1) ^ (_POLYNOMIAL if register & 1 else 0)
    return register


_TABLE: Final = tuple(_entry(byte) for byte in range(256))


def crc212(data: bytes) -> int:
    """The checksum of HJ 212-2017, annex A, over the data segment.

    Args:
        data: the segment, from the first byte after the length to the closing ``&&``.

    Returns:
        The register, 0 to 0xFFFF; it is sent as four hexadecimal digits, high byte first.
    """
    if not data:
        return 0xFFFF
    # The start value 0xFFFF equals a register of 0 and a first byte with all bits turned;
    # zero bytes in front then leave the register at 0.
    size = len(data)
    word = int.from_bytes(data, "big") ^ (0xFF << 8 * (size - 1))
    bits = 64 << ((size - 1) // 8).bit_length()
    while bits > 64:  # the upper half onto the lower one
        bits >>= 1
        word = (word >> bits) ^ (word & ((1 << bits) - 1))
    register = 0
    for byte in word.to_bytes(8, "big"):
        register = _TABLE[(register >> 8) ^ byte]
    return register


def modbus(data: bytes, register: int = 0xFFFF) -> int:
    """CRC-16/MODBUS, which many makers take for the CRC of HJ 212; from 0 it is CRC-16/ARC."""
    for byte in data:
        register = (register >> 8) ^ _TABLE[(register ^ byte) & 0xFF]
    return register


def checksum(data: bytes) -> bytes:
    """The four characters that follow the data segment, as the standard wants them."""
    return b"%04X" % crc212(data)


def identify(data: bytes, sent: bytes, declared: int | None = None) -> str | None:
    """Name the rule by which ``sent`` is the checksum of ``data``.

    Args:
        data: the segment as sent.
        sent: one to four hexadecimal digits, upper or lower case.
        declared: the declared length, the second witness of the rules that need one.

    Returns:
        One of ``RULES``, or nothing where no rule fits.
    """
    value = int(sent, 16)
    standard = crc212(data)
    if value == standard:
        return "standard" if len(sent) == 4 else "standard-unpadded"
    if len(sent) < 4:
        return None
    return _other_algorithm(data, value, standard) or _other_segment(data, value, declared)


def _other_algorithm(data: bytes, value: int, standard: int) -> str | None:
    swapped = (value >> 8) | (value & 0xFF) << 8
    plain = modbus(data)
    if value == plain:
        return "modbus"
    if swapped == standard:
        return "standard-byteswapped"
    if swapped == plain:
        return "modbus-byteswapped"
    return "arc" if value == modbus(data, 0) else None


def _other_segment(data: bytes, value: int, declared: int | None) -> str | None:
    # Witness: the list of items ends in ';', as with makers that close the list, take the
    # checksum and only then write '&&'; and the length is right for the text with '&&'.
    if data.endswith(b";&&") and declared in (None, len(data)) and value == crc212(data[:-2]):
        return "standard-without-end"
    # Witness: the declared length, too, is that of the text before spaces were put in.
    squeezed = data.translate(None, _SPACES)
    if len(squeezed) < len(data) and declared in (None, len(squeezed)) and value == crc212(squeezed):
        return "standard-without-spaces"
    return None
