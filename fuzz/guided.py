"""Inputs that reach new code, found by coverage with atheris.

    python -m fuzz.guided [inputs]

The process ends with an error at the first input that breaks a promise; atheris keeps it.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ingest", "domain"]):
    from fuzz.check import check_frames, check_json
    from fuzz.seeds import TOKENS, frames, payloads
    from fuzz.wounds import mended


def check(data: bytes) -> None:
    """The first byte says what the rest is: JSON, frames, or a frame whose checksum is made right."""
    kind, rest = data[:1], data[1:]
    if kind < b"\x55":
        check_json(rest)
    else:
        check_frames(mended(rest) if kind > b"\xaa" else rest)


def corpus(folder: Path) -> Path:
    """The seeds as files, and the dictionary beside them."""
    seeds = folder / "corpus"
    seeds.mkdir()
    inputs = [*(b"\xff" + data for data in frames()), *(b"\0" + data for data in payloads())]
    for number, data in enumerate(inputs):
        (seeds / str(number)).write_bytes(data)
    words = ("".join(f"\\x{byte:02x}" for byte in token) for token in TOKENS)
    (folder / "words").write_text("".join(f'"{word}"\n' for word in words))
    return seeds


def main(count: int = 200_000) -> None:
    """Run so many inputs; atheris ends the process."""
    with tempfile.TemporaryDirectory(prefix="yanchen-fuzz-") as name:
        folder = Path(name)
        seeds = corpus(folder)
        arguments = [f"-runs={count}", "-max_len=4096", "-rss_limit_mb=1024", f"-dict={folder / 'words'}"]
        atheris.Setup(
            [sys.argv[0], *arguments, f"-artifact_prefix={tempfile.gettempdir()}/", str(seeds)], check
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
