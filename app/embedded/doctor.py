"""What of the embedded stack this machine has, what stands in for the rest and what that costs.

For ``yanchen doctor``: it looks, and neither downloads nor starts a server.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.embedded import debian, kafka_jars, mosquitto, tansu
from app.embedded.cache import cache_dir
from app.embedded.java import OLDEST, find_java
from app.embedded.postgres_programs import WHEEL as POSTGRES_WHEEL
from app.embedded.postgres_programs import PostgresPrograms, debian_programs, on_this_machine, wheel_programs
from domain.errors import Unavailable

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_NUMBER = re.compile(r"\d+(\.\d+)+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One part that the stack or its tests need.

    Args:
        part: its name.
        found: what is there, or what will be fetched at the first start; empty when nothing is.
        stands_in: what takes its place, None when nothing has to.
        cost: what the stand-in, or the lack, costs; None when nothing is lost.
        ok: whether everything that needs the part will work.
    """

    part: str
    found: str
    stands_in: str | None = None
    cost: str | None = None
    ok: bool = True


def examine() -> list[Finding]:
    """Look at this machine, part by part."""
    cache = cache_dir()
    return [_java(), _maven(cache), _kafka(cache), _mqtt(cache), _database(cache), _node(), _chromium()]


def _java() -> Finding:
    try:
        java = find_java()
    except Unavailable as error:
        return Finding("Java", "", cost=str(error), ok=tansu.find() is not None)
    return Finding("Java", f"Java {java.major} ({java.program})")


def _maven(cache: Path) -> Finding:
    found = _program("mvn", "--version")
    if found:
        return Finding("Maven", found)
    fetched = kafka_jars.fetched(cache)
    cost = None if fetched else "Kafka's jars cannot be fetched: install Maven"
    return Finding("Maven", "", cost=cost, ok=fetched)


def _kafka(cache: Path) -> Finding:
    try:
        find_java()
    except Unavailable:
        return _tansu(f"no Java {OLDEST} or newer")
    if kafka_jars.fetched(cache):
        jars = kafka_jars.folder(cache)
        return Finding("Kafka", f"Apache Kafka {kafka_jars.version(jars)} ({jars})")
    if shutil.which("mvn"):
        return Finding("Kafka", "Apache Kafka, fetched with Maven at the first start (45 MB)")
    return _tansu("no Maven to fetch Kafka's jars")


def _tansu(reason: str) -> Finding:
    if tansu.find() is None:
        return Finding("Kafka", "", cost=f"{reason}, and no stand-in: `pip install {tansu.WHEEL}`", ok=False)
    cost = f"{reason}; the stand-in keeps messages in memory only"
    return Finding("Kafka", "", stands_in=f"Tansu ({tansu.WHEEL})", cost=cost)


def _mqtt(cache: Path) -> Finding:
    if found := mosquitto.on_this_machine():
        return Finding("mosquitto", f"mosquitto {mosquitto.version_text(found)} ({found})")
    if debian.fetched(cache):
        broker = debian.folder(cache) / "usr/sbin/mosquitto"
        return Finding("mosquitto", f"mosquitto {mosquitto.version_text(broker)} ({broker})")
    if obstacle := debian.obstacle():
        return Finding("mosquitto", "", cost=f"{obstacle}: install mosquitto 2.0.18 or newer", ok=False)
    return Finding("mosquitto", f"mosquitto of Debian {debian.SUITE}, fetched at the first start")


def _database(cache: Path) -> Finding:
    part = "PostgreSQL + TimescaleDB"
    if found := on_this_machine() or debian_programs(cache):
        return Finding(part, f"{_described(found)} ({found.folder})", cost=_edition_cost(found.edition))
    obstacle = debian.obstacle()
    if obstacle is None:
        there = f"PostgreSQL 17 + TimescaleDB (Apache edition) of Debian {debian.SUITE}"
        return Finding(part, f"{there}, fetched at the first start", cost=_edition_cost("Apache"))
    if wheel := wheel_programs():
        cost = f"{obstacle}; no TimescaleDB: `readings` is one plain table"
        return Finding(part, "", stands_in=f"{_described(wheel)} ({POSTGRES_WHEEL})", cost=cost)
    return Finding(part, "", cost=f"{obstacle}, and no stand-in: `pip install {POSTGRES_WHEEL}`", ok=False)


def _described(programs: PostgresPrograms) -> str:
    edition = f" + TimescaleDB ({programs.edition} edition)" if programs.edition else ""
    return f"PostgreSQL {programs.major}{edition}"


def _edition_cost(edition: str | None) -> str | None:
    return None if edition == "Community" else "this edition has no compression and no policies of its own"


def _node() -> Finding:
    found = _program("node", "--version")
    return Finding(
        "Node", found, cost=None if found else "the scripts of the pages are not checked", ok=bool(found)
    )


def _chromium() -> Finding:
    found = next((said for name in _BROWSERS if (said := _program(name, "--version"))), "")
    return Finding(
        "Chromium", found, cost=None if found else "the tests of the pages are left out", ok=bool(found)
    )


def _program(name: str, question: str) -> str:
    """Name, version and place of a program on the path; empty when it is not there."""
    place = shutil.which(name)
    if place is None:
        return ""
    done = subprocess.run(  # noqa: S603 - the words are ours
        [place, question], capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    number = _NUMBER.search(done.stdout)
    return f"{name} {number[0] if number else '(version unknown)'} ({place})"
