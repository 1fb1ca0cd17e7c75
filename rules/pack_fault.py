"""What is wrong with a pack file, one line a fault: the file, the key, and what to do about it."""

import reprlib
from typing import Final

import msgspec
from pydantic import ValidationError
from pydantic_core import ErrorDetails

_UNION_TAGS: Final = {"aqi_deduction", "city_difference"}
"""pydantic names the variant of a union in the path; the file does not."""


class PackFault(msgspec.Struct, frozen=True):
    """One fault.

    Attributes:
        file: name of the file.
        key: ``limit[0].unit``, counted from 0; empty where it is the whole file.
        fault: what is wrong, and the remedy.
    """

    file: str
    key: str
    fault: str

    def __str__(self) -> str:
        """One line."""
        return ": ".join(part for part in (self.file, self.key, self.fault) if part)


def faults_of(error: ValidationError, file: str) -> list[PackFault]:
    """The faults of one file, in the order of its keys."""
    errors = error.errors()
    places = [each["loc"] for each in errors]
    return [
        PackFault(file, _key(each), _remedy(each))
        for each in errors
        # A list whose only entry is wrong is told to be empty as well: that follows from the entry's fault.
        if not any(each["loc"] == place[: len(each["loc"])] and each["loc"] != place for place in places)
    ]


def _key(error: ErrorDetails) -> str:
    parts = [
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for part in error["loc"]
        if part not in _UNION_TAGS
    ]
    return "".join(parts).lstrip(".")


def _remedy(error: ErrorDetails) -> str:
    match error["type"]:
        case "extra_forbidden":
            return "no such key; correct its spelling or remove it"
        case "missing":
            return "this key is missing; add it"
        case "value_error":
            return str(error["ctx"]["error"])
    message = error["msg"]
    return f"{message[0].lower()}{message[1:]}, not {reprlib.repr(error['input'])}; correct the value"
