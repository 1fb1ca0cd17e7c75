"""The AsyncAPI document: current, complete, and in the form that AsyncAPI 3.0 asks for."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from app.asyncapi import document
from app.cli import cli
from domain.codec import decode_device_report, split_device_reports
from domain.report import DeviceReport, Report
from domain.topics import EVALUATIONS, MQTT_ROOT, READINGS, REJECTED, Channel
from ingest.hj212.framer import Framer

COMMITTED = Path(__file__).resolve().parents[2] / "docs/asyncapi.json"
DOCUMENT = document()
# Fixed fields of the objects used here (AsyncAPI 3.0.0); anything else would need an x- name.
FIELDS = {
    "root": {
        "asyncapi",
        "id",
        "info",
        "servers",
        "defaultContentType",
        "channels",
        "operations",
        "components",
    },
    "info": {"title", "version", "description", "license", "contact", "tags"},
    "server": {"host", "protocol", "protocolVersion", "description", "variables"},
    "channel": {"address", "messages", "title", "description", "servers", "parameters", "bindings"},
    "parameter": {"enum", "default", "description", "examples", "location"},
    "message": {"contentType", "payload", "headers", "name", "title", "examples", "bindings"},
    "operation": {"action", "channel", "messages", "title", "description", "bindings"},
}


def test_the_committed_file_is_current() -> None:
    told = CliRunner().invoke(cli, ["asyncapi"])
    assert told.exit_code == 0
    assert COMMITTED.read_text("utf-8") == told.stdout, "run: yanchen asyncapi > docs/asyncapi.json"


def nodes(of: Any) -> Iterator[dict[str, Any]]:
    if isinstance(of, dict):
        yield of
        of = of.values()
    if not isinstance(of, str | int | float | None):
        for one in of:
            yield from nodes(one)


def test_every_reference_leads_somewhere() -> None:
    references = [node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node]
    assert len(references) > 20
    for reference in references:
        assert reference.startswith("#/"), reference
        here: Any = DOCUMENT
        for step in reference[2:].split("/"):
            here = here[step]


def test_objects_have_the_fields_that_the_specification_names() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT) <= FIELDS["root"]
    assert {"title", "version"} <= set(DOCUMENT["info"]) <= FIELDS["info"]
    for server in DOCUMENT["servers"].values():
        assert {"host", "protocol"} <= set(server) <= FIELDS["server"]
        assert set(re.findall(r"\{(\w+)\}", server["host"])) == set(server["variables"])
    for name, channel in DOCUMENT["channels"].items():
        assert re.fullmatch(r"[\w.-]+", name)
        assert {"address", "messages"} <= set(channel) <= FIELDS["channel"]
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel.get("parameters", {}))
        for parameter in channel.get("parameters", {}).values():
            assert set(parameter) <= FIELDS["parameter"]
        for message in channel["messages"].values():
            assert {"payload"} <= set(message) <= FIELDS["message"]
    for operation in DOCUMENT["operations"].values():
        assert {"action", "channel"} <= set(operation) <= FIELDS["operation"]
        assert operation["action"] in {"send", "receive"}
        assert all(
            message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")
            for message in operation["messages"]
        )


def test_every_topic_has_a_channel_and_an_operation() -> None:
    addresses = {channel["address"].replace("{device}", "+") for channel in DOCUMENT["channels"].values()}
    assert addresses == {
        *(f"{MQTT_ROOT}/+/{channel}" for channel in Channel),
        READINGS,
        REJECTED,
        EVALUATIONS,
    }
    used = [operation["channel"]["$ref"] for operation in DOCUMENT["operations"].values()]
    assert sorted(used) == sorted(f"#/channels/{name}" for name in DOCUMENT["channels"])


@pytest.mark.parametrize("model", [DeviceReport, Report])
def test_properties_are_described(model: type[msgspec.Struct]) -> None:
    schema = DOCUMENT["components"]["schemas"][model.__name__]
    assert list(schema["properties"]) == list(model.__struct_fields__)
    assert all(inner["description"] for inner in schema["properties"].values())
    assert "Attributes" not in schema["description"]


def test_the_examples_are_accepted() -> None:
    readings = DOCUMENT["channels"]["mqtt.readings"]["messages"]["message"]["examples"]
    for one in readings:
        for text in split_device_reports(json.dumps(one["payload"]).encode()):
            assert not decode_device_report(text)[1]
    (frame,) = DOCUMENT["channels"]["mqtt.hj212"]["messages"]["message"]["examples"]
    (found,) = Framer().feed(frame["payload"].encode())
    assert found.crc_rule == "standard"
