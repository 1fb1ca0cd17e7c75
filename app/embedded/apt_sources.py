"""The machine's own Debian mirror lines, turned to another suite: pure text work.

Both forms that apt reads are understood: one line each (``sources.list``) and stanzas (``*.sources``).
Only Debian's own suites are taken; a vendor's archive has no such suite, and backports are not wanted.
"""

from collections.abc import Iterable

_POCKETS = ("", "-updates", "-security")


def turn_list(text: str, release: str, wanted: str) -> list[str]:
    """The `deb` lines of a ``sources.list`` that serve `release`, with the suite turned to `wanted`."""
    turned = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        place = _suite_index(words)
        if place is None or words[place] not in _suites(release):
            continue
        words[place] = wanted + words[place].removeprefix(release)
        turned.append(" ".join([*words[: place + 1], "main"]))
    return turned


def turn_stanzas(text: str, release: str, wanted: str) -> list[str]:
    """The same for the stanzas of a ``*.sources`` file, as one-line entries."""
    turned = []
    for stanza in _stanzas(text):
        if "deb" not in stanza.get("types", "").split() or stanza.get("enabled", "yes").lower() == "no":
            continue
        options = f"[signed-by={stanza['signed-by']}] " if stanza.get("signed-by", "").startswith("/") else ""
        suites = [suite for suite in stanza.get("suites", "").split() if suite in _suites(release)]
        turned += [
            f"deb {options}{uri} {wanted}{suite.removeprefix(release)} main"
            for uri in stanza.get("uris", "").split()
            for suite in suites
        ]
    return turned


def _suites(release: str) -> Iterable[str]:
    return [release + pocket for pocket in _POCKETS]


def _suite_index(words: list[str]) -> int | None:
    """Where the suite stands in a one-line entry: after the type, the bracketed options and the address."""
    if not words or words[0] != "deb":
        return None
    place = 1
    if len(words) > 1 and words[1].startswith("["):
        while place < len(words) and not words[place].endswith("]"):
            place += 1
        place += 1
    return place + 1 if place + 1 < len(words) else None


def _stanzas(text: str) -> list[dict[str, str]]:
    stanzas: list[dict[str, str]] = [{}]
    key = ""
    for line in text.splitlines():
        if not line.strip():
            stanzas.append({})
        elif line.startswith("#"):
            continue
        elif line[0].isspace():
            stanzas[-1][key] = f"{stanzas[-1].get(key, '')} {line.strip()}"
        else:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            stanzas[-1][key] = value.strip()
    return [stanza for stanza in stanzas if stanza]
