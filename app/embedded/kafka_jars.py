"""Kafka's jars, by their Maven coordinates in ``pom.xml``, copied out once per machine."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from app.embedded.cache import build_once
from app.embedded.java import Java
from domain.errors import Unavailable

POM = Path(__file__).with_name("pom.xml")
_KAFKA_JAR = re.compile(r"kafka_[\d.]+-([\d.]+)\.jar")


def folder(cache: Path) -> Path:
    """Where the jars are, or will be, below `cache`."""
    return cache / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:8]}"


def fetched(cache: Path) -> bool:
    """Whether the jars are there already."""
    return folder(cache).is_dir()


def fetch(cache: Path, java: Java) -> Path:
    """Have the jars below `cache`.

    Raises:
        Unavailable: there is no Maven, or it cannot reach its repository.
    """

    def build(target: Path) -> None:
        _copy_dependencies(target, java)

    return build_once(folder(cache), build)


def version(jars: Path) -> str:
    """Kafka's version, as its jar is named."""
    matches = (_KAFKA_JAR.fullmatch(jar.name) for jar in jars.glob("kafka_*.jar"))
    return next((match[1] for match in matches if match), "unknown")


def _copy_dependencies(target: Path, java: Java) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("Maven (mvn) not found, which fetches Kafka's jars: install it")
    command = [
        maven,
        "-B",
        "-q",
        "-f",
        str(POM),
        "dependency:copy-dependencies",
        f"-DoutputDirectory={target}",
    ]
    environment = {**os.environ, "JAVA_HOME": str(java.home)}
    done = subprocess.run(  # noqa: S603 - the words are ours
        command, env=environment, cwd=target, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unavailable(f"Maven could not fetch Kafka's jars: {_complaint(done.stdout + done.stderr)}")


def _complaint(output: str) -> str:
    errors = [line for line in output.splitlines() if "[ERROR]" in line]
    return (errors or output.splitlines() or ["it said nothing"])[0].strip()
