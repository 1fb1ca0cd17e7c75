"""What is known of a device before it is heard."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a device must say.

    Attributes:
        device: its MN; none is any.
        password: its PW; none is any.
        vendor: its vendor map.
    """

    device: str | None = None
    password: str | None = None
    vendor: str | None = None
