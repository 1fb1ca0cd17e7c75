"""The machine's mirror lines are turned to another suite, and only Debian's own ones."""

import pytest

from app.embedded.apt_sources import turn_list, turn_stanzas

STANZAS = """\
Types: deb deb-src
# an older snapshot
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
URIs: https://security.example/debian-security
Suites: bookworm-security
Components: main
"""


def test_stanzas_become_lines_of_the_wanted_suite() -> None:
    assert turn_stanzas(STANZAS, "bookworm", "trixie") == [
        "deb [signed-by=/usr/share/keyrings/archive.gpg] https://mirror.example/debian trixie main",
        "deb [signed-by=/usr/share/keyrings/archive.gpg] https://mirror.example/debian trixie-updates main",
        "deb https://security.example/debian-security trixie-security main",
    ]


@pytest.mark.parametrize(
    "stanza",
    [
        "Types: deb-src\nURIs: https://mirror.example\nSuites: bookworm",
        "Types: deb\nEnabled: no\nURIs: https://mirror.example\nSuites: bookworm",
        "Types: deb\nURIs: https://vendor.example\nSuites: nodistro",
        "Types: deb\nURIs: https://vendor.example\nSuites: tool-bookworm",
    ],
)
def test_other_stanzas_are_left_out(stanza: str) -> None:
    assert turn_stanzas(stanza, "bookworm", "trixie") == []


@pytest.mark.parametrize(
    ("line", "turned"),
    [
        ("deb https://m.example/debian bookworm main contrib", ["deb https://m.example/debian trixie main"]),
        (
            "deb [ arch=amd64 signed-by=/k.gpg ] https://m.example bookworm-updates main # mirror",
            ["deb [ arch=amd64 signed-by=/k.gpg ] https://m.example trixie-updates main"],
        ),
        (
            "deb [trusted=yes] https://m.example bookworm main",
            ["deb [trusted=yes] https://m.example trixie main"],
        ),
        ("# deb https://m.example bookworm main", []),
        ("deb-src https://m.example bookworm main", []),
        ("deb https://vendor.example stable main", []),
        ("deb https://m.example", []),
        ("deb [arch=amd64", []),
        ("", []),
    ],
)
def test_one_line_entries(line: str, turned: list[str]) -> None:
    assert turn_list(line, "bookworm", "trixie") == turned


def test_an_indented_line_goes_on_with_the_field() -> None:
    text = "Types: deb\nURIs:\n https://a.example\n https://b.example\nSuites: bookworm\n"

    assert turn_stanzas(text, "bookworm", "trixie") == [
        "deb https://a.example trixie main",
        "deb https://b.example trixie main",
    ]
