"""The AsyncAPI 3.0 document of what travels over MQTT and Kafka, made from the models themselves.

Seen from Yanchen: it receives what devices publish, and sends what stands on Kafka.
"""

import re
from typing import Any, Final

import msgspec

from domain.evaluation import Evaluation
from domain.factors import FACTORS
from domain.flags import FLAGS
from domain.report import DeviceReport, RejectedMessage, Report
from domain.topics import EVALUATIONS, READINGS, REJECTED, Channel, mqtt_topic

Node = dict[str, Any]

VERSION: Final = "1.0.0"
"""Of the wire, not of the program: its first number is that of the topics, ``yanchen/v1``."""

_SCHEMAS: Final = "#/components/schemas/"
_FRAME: Final = (
    "##0087QN=20240601085857223;ST=32;CN=1011;PW=123456;MN=010000A8900016F000169DC0;Flag=9;CP=&&&&2200\r\n"
)
_ATTRIBUTE: Final = re.compile(r"^\s+(\w+): (.*)$")

_ON_MQTT: Final[dict[Channel, tuple[str, Node, list[Node]]]] = {
    Channel.READINGS: (
        "A report, or a list of reports for a backlog; QoS 1. PUBACK means that Kafka has it.",
        {
            "oneOf": [
                {"$ref": f"{_SCHEMAS}DeviceReport"},
                {"type": "array", "items": {"$ref": f"{_SCHEMAS}DeviceReport"}, "minItems": 1},
            ]
        },
        [
            {
                "at": "2026-11-21T12:00:00+08:00",
                "seq": 4711,
                "readings": {"oil_fume": 0.82, "nmhc": 5.6},
                "flags": {"nmhc": "D"},
            }
        ],
    ),
    Channel.HJ212: (
        "Raw HJ 212 frames, one or several; QoS 1.",
        {"type": "string", "description": "bytes from ## to the checksum"},
        [{"payload": _FRAME}],
    ),
    Channel.STATUS: (
        "Whether the device is connected: publish online after connecting, offline is its last will.",
        {"type": "string", "enum": ["online", "offline"]},
        [],
    ),
}
_ON_KAFKA: Final[dict[str, tuple[type[msgspec.Struct], str]]] = {
    READINGS: (Report, "Every accepted report, in canonical units; key = device."),
    REJECTED: (RejectedMessage, "What was refused, with its bytes and the reason; key = device or empty."),
    EVALUATIONS: (Evaluation, "Every evaluation and its revisions; key = device."),
}


def document() -> Node:
    """The document as JSON values."""
    models = (DeviceReport, *(model for model, _ in _ON_KAFKA.values()))
    _, schemas = msgspec.json.schema_components(models, ref_template=f"{_SCHEMAS}{{name}}")
    described = {name: _described(schema) for name, schema in sorted(schemas.items())}
    mqtt, kafka = _mqtt_channels(), _kafka_channels()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Yanchen 烟尘",
            "version": VERSION,
            "description": _introduction(),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "mqtt": _server(
                "mqtt", "1883", "5", "One account a device, which publishes below its own name only."
            ),
            "kafka": _server("kafka", "9092", None, "For services of the city, not for devices."),
        },
        "channels": mqtt | kafka,
        "operations": {
            **{_name("receive", name): _operation("receive", name, {"mqtt": {"qos": 1}}) for name in mqtt},
            **{_name("send", name): _operation("send", name, None) for name in kafka},
        },
        "components": {"schemas": described},
    }


def _introduction() -> str:
    factors = ", ".join(f"{one.id} {one.zh} ({one.unit or '0/1'})" for one in FACTORS.values())
    flags = ", ".join(f"{letter} {zh} {en}" for letter, (zh, en) in FLAGS.items())
    return f"Fumes, dust and noise of a city.\n\nFactors: {factors}.\n\nFlags: {flags}; only N counts."


def _server(protocol: str, port: str, number: str | None, text: str) -> Node:
    server: Node = {"host": f"{{host}}:{port}", "protocol": protocol, "description": text}
    if number:
        server["protocolVersion"] = number
    return server | {"variables": {"host": {"default": "localhost"}}}


def _mqtt_channels() -> Node:
    return {
        f"mqtt.{channel}": {
            "address": mqtt_topic("{device}", channel),
            "description": text,
            "servers": [{"$ref": "#/servers/mqtt"}],
            "parameters": {"device": {"description": "MN or name of the device in the register"}},
            "messages": {
                "message": {
                    "contentType": "text/plain" if schema.get("type") == "string" else "application/json",
                    "payload": schema,
                    **({"examples": [_example(one) for one in examples]} if examples else {}),
                }
            },
        }
        for channel, (text, schema, examples) in _ON_MQTT.items()
    }


def _example(one: Node) -> Node:
    return one if set(one) == {"payload"} else {"payload": one}


def _kafka_channels() -> Node:
    return {
        f"kafka.{topic}": {
            "address": topic,
            "description": text,
            "servers": [{"$ref": "#/servers/kafka"}],
            "messages": {
                "message": {
                    "contentType": "application/json",
                    "payload": {"$ref": f"{_SCHEMAS}{model.__name__}"},
                    "bindings": {"kafka": {"key": {"type": "string", "description": "the device"}}},
                }
            },
        }
        for topic, (model, text) in _ON_KAFKA.items()
    }


def _name(action: str, channel: str) -> str:
    return action + "".join(word.capitalize() for word in channel.split("."))


def _operation(action: str, channel: str, bindings: Node | None) -> Node:
    place = f"#/channels/{channel}"
    operation: Node = {
        "action": action,
        "channel": {"$ref": place},
        "messages": [{"$ref": f"{place}/messages/message"}],
    }
    return operation | ({"bindings": bindings} if bindings else {})


def _described(schema: Node) -> Node:
    """The schema with the docstring's attributes told at the properties themselves."""
    sentence, _, attributes = schema.get("description", "").partition("Attributes:")
    told: dict[str, str] = {}
    name = ""
    for line in attributes.splitlines():
        if found := _ATTRIBUTE.match(line):
            name = found[1]
            told[name] = found[2]
        elif name and line.strip():
            told[name] += f" {line.strip()}"
    properties = {
        name: {"description": told[name], **inner} if name in told else inner
        for name, inner in schema.get("properties", {}).items()
    }
    return schema | {"description": sentence.strip()} | ({"properties": properties} if properties else {})
