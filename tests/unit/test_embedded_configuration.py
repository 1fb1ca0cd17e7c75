"""The servers' configurations, as text."""

from pathlib import Path

import pytest

from app.embedded import deploy_files, kafka, timescaledb
from app.embedded.postgres_programs import PostgresPrograms
from domain.errors import ConfigError


def test_only_the_places_change_in_the_brokers_file() -> None:
    text = deploy_files.read("mosquitto/mosquitto.conf")
    values = {
        "listener": "1999 127.0.0.1",
        "persistence_location": "/d/",
        "password_file": "p",
        "acl_file": "a",
    }

    placed = deploy_files.place(text, values, " ")

    changed = [new for old, new in zip(text.splitlines(), placed.splitlines(), strict=True) if old != new]
    assert sorted(changed) == sorted(f"{key} {value}" for key, value in values.items())


def test_a_setting_that_is_gone_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no line for acl_file"):
        deploy_files.place("listener 1883\n", {"listener": "1", "acl_file": "a"}, " ")


def test_devices_may_only_write_below_their_own_name() -> None:
    rules = [line for line in deploy_files.read("mosquitto/acl").splitlines() if line.startswith("pattern")]
    assert rules == ["pattern write yanchen/v1/%u/#"]


def test_kafka_listens_on_this_machine_only() -> None:
    text = kafka.properties(Path("data"), 9092, 9093, durable=False)

    assert "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093\n" in text
    assert "auto.create.topics.enable=false\n" in text
    assert "0.0.0.0" not in text


@pytest.mark.parametrize("durable", [False, True])
def test_a_durable_kafka_flushes_every_second(durable: bool) -> None:
    text = kafka.properties(Path("data"), 1, 2, durable=durable)
    assert ("log.flush.interval.ms=1000\n" in text) is durable


def test_a_durable_database_keeps_fsync() -> None:
    assert "fsync" not in timescaledb.settings(1, timescaledb=True, durable=True)
    assert timescaledb.settings(1, timescaledb=True, durable=False)["fsync"] == "off"


def test_a_bare_postgresql_loads_no_extension() -> None:
    assert not [key for key in timescaledb.settings(1, timescaledb=False, durable=True) if "timescale" in key]


@pytest.mark.parametrize(("major", "built_in"), [(16, False), (17, True)])
def test_the_built_in_locale_is_used_where_it_exists(major: int, built_in: bool) -> None:
    argv = timescaledb.initdb_argv(PostgresPrograms(Path("bin"), major), Path("data"), durable=True)
    assert ("--locale-provider=builtin" in argv) is built_in
