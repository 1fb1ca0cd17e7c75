"""``yanchen conformance``: tells a vendor, or a platform's maker, what is wrong and how to mend it."""

import asyncio
import sys
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

import typer

from app.commands.span import parse_span
from app.conformance.broker import broker_settings, examine_publications
from app.conformance.card import Card
from app.conformance.expected import Expected
from app.conformance.listen import examine_devices
from app.conformance.platform import examine_platform
from app.conformance.summary import json_lines, text
from domain.errors import ConfigError
from ingest.hj212.vendor_map import vendor_map


class Language(StrEnum):
    """Of the titles and remedies."""

    ZH = "zh"
    EN = "en"


_TWO_MINUTES: Final = "120s"


def conformance(
    target: Annotated[
        str | None, typer.Argument(help="HOST:PORT of a platform, or mqtt://user:password@host:1883")
    ] = None,
    *,
    listen: Annotated[
        str | None, typer.Option(help="HOST:PORT: be a platform, and examine the devices that connect")
    ] = None,
    span: Annotated[str, typer.Option("--for", help="how long to listen or read along")] = _TWO_MINUTES,
    device: Annotated[list[str] | None, typer.Option(help="MN or name; several for MQTT")] = None,
    password: Annotated[str | None, typer.Option(help="the HJ 212 PW")] = None,
    vendor: Annotated[str | None, typer.Option(help="vendor map, layers joined by +")] = None,
    lang: Annotated[Language, typer.Option(help="of titles and remedies")] = Language.ZH,
) -> None:
    """Examine a device (--listen, or over an MQTT broker) or a platform (HOST:PORT).

    JSON lines on standard output, a summary to read on standard error. Exit code 0: nothing
    fails; 1: something fails, or nothing was heard; 2: wrong use.
    """
    if (target is None) == (listen is None):
        raise ConfigError("say either --listen HOST:PORT, or HOST:PORT, or mqtt://…")
    vendor_map(vendor)  # a wrong name is told now
    devices = device or []
    expected = Expected(device=devices[0] if len(devices) == 1 else None, password=password, vendor=vendor)
    cards = asyncio.run(_examine(target, listen, parse_span(span), devices, expected))
    for line in json_lines(cards, lang.value):
        print(line)
    for line in text(cards, lang.value):
        print(line, file=sys.stderr)
    good = bool(cards) and all(card.heard and not card.failed for card in cards)
    raise typer.Exit(0 if good else 1)


async def _examine(
    target: str | None, listen: str | None, span: timedelta, devices: list[str], expected: Expected
) -> list[Card]:
    if listen is not None:
        host, port = _address(listen)
        print(f"listening on {host}:{port} for {span}", file=sys.stderr)
        try:
            return await examine_devices(host, port, span, expected)
        except OSError as error:
            raise ConfigError(f"cannot listen on {listen}: {error.strerror}") from error
    assert target is not None, "one of both is given"
    if not devices:
        raise ConfigError("say whose frames: --device MN")
    if "://" in target:
        broker = broker_settings(target)
        told = f"{broker.host}:{broker.port}, {', '.join(devices)}"
        print(f"reading along on {told} for {span}", file=sys.stderr)
        return await examine_publications(broker, devices, span, expected)
    host, port = _address(target)
    return [await examine_platform(host, port, devices[0], expected.password or "123456")]


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"{text!r} is no address; write HOST:PORT, such as 127.0.0.1:9212")
    return host.strip("[]"), int(port)
