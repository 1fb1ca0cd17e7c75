"""The compose file against what it starts: no engine runs here, so it is read and held against the tree."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli import cli
from app.fleet import SERVICES
from runtime.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
OURS = {name: spec for name, spec in COMPOSE["services"].items() if "build" in spec}


def commands() -> set[str]:
    named = {command.name or command.callback.__name__.rstrip("_") for command in cli.registered_commands}  # type: ignore[union-attr]
    return named | {group.name for group in cli.registered_groups if group.name}


def test_every_service_of_the_fleet_is_in_compose() -> None:
    assert set(SERVICES) <= set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_commands_that_exist(name: str) -> None:
    assert OURS[name]["command"][0] in commands()


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_lasting_service_has_a_health_check(name: str) -> None:
    spec = COMPOSE["services"][name]
    one_shot = name in {"migrate", "mqtt-accounts", "demo-city", "demo-devices"}
    check = spec.get("healthcheck", {})
    assert one_shot or ("test" in check and not check.get("disable"))


def variables() -> Iterator[tuple[str, str]]:
    for name, spec in OURS.items():
        for variable in spec.get("environment", {}):
            yield name, variable
    for variable in re.findall(r"YANCHEN_\w+", (ROOT / "Dockerfile").read_text("utf-8")):
        yield "Dockerfile", variable


def test_every_variable_is_a_setting() -> None:
    known = set()
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        known |= {f"YANCHEN_{name}__{key}".upper() for key in inner} if inner else {f"YANCHEN_{name}".upper()}
    for place, variable in variables():
        assert variable in known, f"{place}: {variable} is no setting"


def test_every_asked_for_value_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text("utf-8")))
    example = (ROOT / "deploy/env/example.env").read_text("utf-8")
    offered = {line.partition("=")[0] for line in example.splitlines() if "=" in line and line[0] != "#"}
    assert asked == offered


def test_every_mounted_file_exists_and_named_volumes_are_declared() -> None:
    for name, spec in COMPOSE["services"].items():
        for volume in spec.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), f"{name} mounts {source}"
            else:
                assert source in COMPOSE["volumes"], f"{name} uses volume {source}"


def test_what_a_service_waits_for_exists() -> None:
    for name, spec in COMPOSE["services"].items():
        for other, how in spec.get("depends_on", {}).items():
            target = COMPOSE["services"][other]
            if how["condition"] == "service_healthy":
                assert "test" in target["healthcheck"], f"{name} waits for the health of {other}"


def test_images_are_pinned() -> None:
    for name, spec in COMPOSE["services"].items():
        assert re.search(r":\d+\.\d+", spec["image"]), f"{name}: {spec['image']}"


def test_mosquitto_finds_its_files_where_compose_puts_them() -> None:
    text = (ROOT / "deploy/mosquitto/mosquitto.conf").read_text("utf-8")
    mounts = {volume.split(":")[1] for volume in COMPOSE["services"]["mosquitto"]["volumes"]}
    for key in ("password_file", "acl_file", "persistence_location"):
        (path,) = re.findall(rf"^{key} (\S+)$", text, re.MULTILINE)
        assert any(path.rstrip("/").startswith(mount) for mount in mounts), f"{key} {path} is not mounted"


def test_kafka_keeps_its_log_on_the_volume_and_is_found_by_its_name() -> None:
    text = (ROOT / "deploy/kafka/server.properties").read_text("utf-8")
    settings = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] != "#")
    assert any(v.split(":")[1] == settings["log.dirs"] for v in COMPOSE["services"]["kafka"]["volumes"])
    bootstrap = OURS["ingest"]["environment"]["YANCHEN_KAFKA__BOOTSTRAP"]
    assert settings["advertised.listeners"] == f"PLAINTEXT://{bootstrap}"
