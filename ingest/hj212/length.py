"""How the four digits after ``##`` were counted: the standard's way, and the field's."""

from typing import Final

_EXTRA: Final = {
    4: "with-crc",
    6: "with-crc-and-crlf",  # Tianjin's text says so on purpose
    10: "with-header-and-crc",
    12: "whole-frame",
}


def length_rule(declared: int, data: bytes) -> str:
    """Name the way of counting by which ``declared`` is the length of ``data``.

    HJ 212-2017, table 2, counts the characters of the data segment only.

    Returns:
        ``exact``; ``end-lost`` (counts a closing ``&&`` that is not there);
        ``characters`` (counts a Chinese character as one); ``without-spaces``;
        ``with-crc``, ``with-crc-and-crlf``, ``with-header-and-crc``, ``whole-frame``;
        or ``unknown``.
    """
    extra = declared - len(data)
    if extra == 0:
        return "exact"
    if extra == 2 and not data.endswith(b"&&"):
        return "end-lost"
    if extra in _EXTRA:
        return _EXTRA[extra]
    if extra < 0 and declared == len(data.translate(None, b" \t")):
        return "without-spaces"
    return "characters" if extra < 0 and declared in _characters(data) else "unknown"


def _characters(data: bytes) -> set[int]:
    return {len(data.decode(encoding, "replace")) for encoding in ("utf-8", "gbk")}
