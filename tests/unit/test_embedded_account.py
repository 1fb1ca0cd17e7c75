"""A server that may not walk to its files is refused with a remedy, before it fails with a riddle."""

import os
from pathlib import Path

import pytest

from app.embedded.account import Account, may_enter, require_reachable
from domain.errors import ConfigError

ME, STRANGER = os.getuid(), os.getuid() + 1
MY_GROUP, OTHER_GROUP = os.getgid(), os.getgid() + 1


@pytest.mark.parametrize(
    ("mode", "user", "group", "may"),
    [
        (0o711, STRANGER, OTHER_GROUP, True),
        (0o710, STRANGER, OTHER_GROUP, False),
        (0o710, STRANGER, MY_GROUP, True),
        (0o701, STRANGER, MY_GROUP, False),
        (0o700, ME, MY_GROUP, True),
        (0o611, ME, MY_GROUP, False),
    ],
)
def test_who_may_walk_through_a_folder(tmp_path: Path, mode: int, user: int, group: int, may: bool) -> None:
    tmp_path.chmod(mode)
    assert may_enter(tmp_path, Account("somebody", user, group)) is may
    tmp_path.chmod(0o700)


def test_a_closed_folder_is_refused_with_the_remedy(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(ConfigError, match=r" is closed to the user stranger.*: move it"):
        require_reachable(tmp_path / "data", Account("stranger", STRANGER, OTHER_GROUP), "move it")


def test_nothing_is_asked_where_we_stay_who_we_are(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    require_reachable(tmp_path / "data", None, "move it")
