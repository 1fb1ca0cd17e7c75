"""Texts of the pages in two languages, kept beside the pages as ``texts.toml``.

Each entry is ``key = { zh = "…", en = "…" }``; a missing language refuses to load.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Final, Literal

from domain.errors import ConfigError

Lang = Literal["zh", "en"]
LANGS: Final[tuple[Lang, ...]] = ("zh", "en")


def load_texts(package: str, name: str = "texts.toml") -> Mapping[Lang, Mapping[str, str]]:
    """Language → key → text, of the file inside a package.

    Raises:
        ConfigError: an entry lacks a language; the sentence names file and key.
    """
    entries = tomllib.loads(files(package).joinpath(name).read_text("utf-8"))
    for key, entry in entries.items():
        for lang in LANGS:
            if not isinstance(entry, dict) or not entry.get(lang):
                raise ConfigError(f"{package}/{name}: {key} has no {lang} text; add it")
    return {lang: {key: entry[lang] for key, entry in entries.items()} for lang in LANGS}


def pick_lang(asked: str | None, accept_language: str = "") -> Lang:
    """The language to show: as asked, else as the browser prefers, else Chinese."""
    if asked in LANGS:
        return "en" if asked == "en" else "zh"
    first = accept_language.split(",", maxsplit=1)[0].strip().lower()
    return "en" if first.startswith("en") else "zh"
