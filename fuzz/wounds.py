"""Mutations: small damage to good inputs, with the checksum put right again half of the time."""

import random
import re

from fuzz.seeds import TOKENS
from ingest.hj212.crc import checksum

_FRAME = re.compile(rb"##\d{4}(.*&&)[0-9A-Fa-f]{4}", re.DOTALL)


def mutated(seed: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """The seed with one to six wounds."""
    data = bytearray(seed)
    for _ in range(rng.randint(1, 6)):
        at = rng.randint(0, len(data))
        match rng.randrange(7):
            case 0:
                data[at : at + 1] = bytes((rng.randrange(256),))
            case 1:
                del data[at : at + rng.randint(1, 20)]
            case 2:
                data[at:at] = rng.choice(TOKENS)
            case 3:
                data[at : at + rng.randint(0, 12)] = rng.choice(TOKENS)
            case 4:
                data[at:at] = data[rng.randint(0, len(data)) :][: rng.randint(0, 80)]
            case 5:
                other = rng.choice(others)
                data[at:] = other[rng.randint(0, len(other)) :]
            case _:
                data[at:at] = bytes((rng.randrange(32, 127),)) * rng.choice((1, 2, 70, 1100))
    return mended(bytes(data)) if rng.random() < 0.5 else bytes(data)


def mended(data: bytes) -> bytes:
    """Length and checksum of the frame made right, so that what is inside is reached."""
    frame = _FRAME.search(data)
    if frame is None:
        return data
    body = frame[1]
    return (
        data[: frame.start()]
        + b"##%04d%b%b" % (len(body) % 10_000, body, checksum(body))
        + data[frame.end() :]
    )
