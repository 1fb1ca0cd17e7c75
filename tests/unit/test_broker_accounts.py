"""Accounts on the broker: hashes, the file's text, and how it is put in place."""

import os
from pathlib import Path

import pytest

from domain.errors import ConfigError, Unavailable
from runtime.broker_accounts import (
    fit_for_broker,
    hash_password,
    matches,
    name_trouble,
    new_password,
    password_file,
    service_accounts,
)
from runtime.broker_file import read_accounts, reload_by_command, reload_by_pid, write_accounts

FOREIGN = "$7$101$only-a-salt"


def test_a_hash_is_of_its_password_only():
    stored = hash_password("s3cret密码")
    assert stored.startswith("$7$101$")
    assert matches(stored, "s3cret密码")
    assert not matches(stored, "s3cret")
    assert stored != hash_password("s3cret密码")


@pytest.mark.parametrize(
    "stored", ["", "$6$salt$hash", FOREIGN, "$7$x$QUJD$QUJD", "$7$101$QUJ$QUJD", "clear"]
)
def test_what_is_no_such_hash_matches_nothing(stored: str):
    assert not matches(stored, "secret")


@pytest.mark.parametrize("password", ["", "a\nroot:x", "a\0b"])
def test_passwords_that_would_break_the_file_are_refused(password: str):
    with pytest.raises(ConfigError, match="password"):
        hash_password(password)


@pytest.mark.parametrize("name", ["", "a:b", "a/b", "+", "a#", "a\nb", "a\0", " a", "a\u200b"])
def test_names_that_would_break_the_rules_are_refused(name: str):
    assert name_trouble(name)
    with pytest.raises(ConfigError, match="cannot be an MQTT user"):
        password_file({name: "$7$"})


@pytest.mark.parametrize("name", ["fume-001", "010000A8900016F000169DC0", "油烟 1", "$x"])
def test_names_that_a_device_may_have(name: str):
    assert name_trouble(name) is None


def test_new_passwords_are_long_and_differ():
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    assert {len(password) for password in made} == {20}


def test_services_keep_their_line_while_it_is_right():
    present = password_file({"yanchen": hash_password("one"), "bridge": "$6$old", "gone": "$7$x"})
    kept = service_accounts(present, {"yanchen": "one"}, keep=("bridge", "never-there"))
    assert password_file(kept) == "".join(f"{line}\n" for line in sorted(present.splitlines()[:2]))
    changed = service_accounts(present, {"yanchen": "two"})
    assert matches(changed["yanchen"], "two")


def test_one_bad_name_keeps_nobody_else_out():
    good, refused = fit_for_broker({"d1": "h1", "a/b": "h2", "yanchen": "h3"}, {"yanchen"})
    assert good == {"d1": "h1"}
    assert set(refused) == {"a/b", "yanchen"}


def test_the_file_is_replaced_whole_and_private(tmp_path: Path):
    path = tmp_path / "passwords"
    assert read_accounts(path) == ""
    assert write_accounts(path, "d1:x\n")
    before = path.stat().st_ino
    assert path.stat().st_mode & 0o777 == 0o600
    assert not write_accounts(path, "d1:x\n")
    assert path.stat().st_ino == before
    assert write_accounts(path, "")
    assert read_accounts(path) == ""
    assert [item.name for item in tmp_path.iterdir()] == ["passwords"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="nowhere/passwords cannot be written"):
        write_accounts(tmp_path / "nowhere" / "passwords", "")


def test_a_broker_that_cannot_be_told_is_tried_again(tmp_path: Path):
    with pytest.raises(Unavailable, match="could not be told"):
        reload_by_pid(None, tmp_path / "none.pid")()
    with pytest.raises(Unavailable, match="false"):
        reload_by_command("false")()
    reload_by_command(f"test -e {tmp_path}")()


def test_a_pid_file_is_read_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: told.append((pid, number)))
    file = tmp_path / "pid"
    reload = reload_by_pid(None, file)
    for number in ("11\n", "12\n"):
        file.write_text(number)
        reload()
    assert [pid for pid, _ in told] == [11, 12]
