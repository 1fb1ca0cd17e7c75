"""``yanchen devices``: the devices of the register and their accounts on the broker."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from app.commands.span import parse_span
from app.lines import print_lines
from app.register_import import add as add_entry
from app.register_import import finish, import_sheet
from app.remap import Publish
from app.remap import remap as publish_remapped
from app.unmapped import unmapped as find_unmapped
from domain.errors import ConfigError
from domain.register import Monitor
from domain.site import Protocol
from ingest.admission import Admitted, Bounds
from ingest.intake import Intake
from runtime.database import Pool, open_pool
from runtime.kafka import open_producer
from runtime.register import load_devices
from runtime.register_check import Entry
from runtime.register_columns import DEVICES
from runtime.register_devices import issue_passwords, list_devices, rotate_passwords, set_enabled
from runtime.settings import Settings, load_settings

app: Final = typer.Typer(no_args_is_help=True, help="Devices 设备 and their accounts on the broker.")

Names = Annotated[list[str], typer.Argument(help="device names (MN)", show_default=False)]
T = TypeVar("T")


def _run(work: Callable[[Pool, Settings], Awaitable[T]]) -> T:
    async def run() -> T:
        settings = load_settings()
        async with open_pool(settings.database) as pool:
            return await work(pool, settings)

    return asyncio.run(run())


@app.command()
def add(  # noqa: PLR0917 - a command's options
    device: Annotated[str, typer.Argument(help="its MN or name")],
    site: Annotated[str, typer.Option(help="id of the site where it stands")],
    protocol: Annotated[Protocol, typer.Option(help="what it speaks")] = Protocol.MQTT,
    interval: Annotated[str, typer.Option(help="reporting interval")] = "60s",
    vendor: Annotated[str | None, typer.Option(help="vendor map: layers joined by +")] = None,
    crc_rule: Annotated[
        list[str] | None, typer.Option(help="HJ 212 checksum rule that it may use; repeatable, none is any")
    ] = None,
    model: Annotated[str, typer.Option(help="maker and model")] = "",
    hj212_password: Annotated[str | None, typer.Option(help="the HJ 212 PW it must send")] = None,
    mqtt_password: Annotated[str | None, typer.Option(help="its MQTT password; made if left out")] = None,
) -> None:
    """Add one device; for MQTT a password is made and printed this once."""
    monitor = Monitor(
        device=device,
        site=site,
        protocol=protocol,
        interval_s=round(parse_span(interval).total_seconds()),
        password=hj212_password,
        vendor=vendor,
        crc_rules=tuple(crc_rule) if crc_rule else None,
        model=model,
        mqtt_password=mqtt_password,
    )

    async def work(pool: Pool, settings: Settings) -> None:
        if any(line["device"] == device for line in await list_devices(pool)):
            sentence = f"{device!r} is in the register already; devices import changes it"
            raise typer.BadParameter(f"{sentence}, devices rotate {device} gives it a new MQTT password")
        finish(await add_entry(pool, settings, Entry(device, monitor)), nothing=True)
        passwords = await issue_passwords(pool, [device])
        given = {"mqtt_password": passwords[device]} if device in passwords else {}
        print_lines([{"device": device, "site": site, "protocol": protocol.value, **given}])

    _run(work)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or Excel (.xlsx)")],
    strict: Annotated[bool, typer.Option("--strict", help="import nothing if any row is bad")] = False,
    issue: Annotated[
        bool,
        typer.Option("--issue-passwords", help="make and print a password where an MQTT device has none"),
    ] = False,
) -> None:
    """Write a sheet of devices into the register; doing it again changes only what differs."""
    faults = _run(
        lambda pool, settings: import_sheet(pool, settings, DEVICES, file, strict=strict, issue=issue)
    )
    finish(faults, nothing=strict)


@app.command("list")
def list_(
    site: Annotated[str | None, typer.Option(help="of this site only")] = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="disabled ones only")] = False,
) -> None:
    """Print every device, without its passwords."""
    print_lines(_run(lambda pool, _: list_devices(pool, site, enabled=False if disabled else None)))


@app.command()
def disable(devices: Names) -> None:
    """Refuse these devices at every door and take away their broker accounts; what they reported stays."""
    _run(lambda pool, _: set_enabled(pool, devices, enabled=False))
    print_lines({"device": device, "enabled": False} for device in devices)


@app.command()
def enable(devices: Names) -> None:
    """Let these devices in again, with the passwords they had."""
    _run(lambda pool, _: set_enabled(pool, devices, enabled=True))
    print_lines({"device": device, "enabled": True} for device in devices)


@app.command()
def rotate(devices: Names) -> None:
    """Give these devices new MQTT passwords and print them this once; the old ones stop working."""
    passwords = _run(lambda pool, _: rotate_passwords(pool, devices))
    print_lines({"device": device, "mqtt_password": text} for device, text in passwords.items())


@app.command()
def unmapped(
    device: Annotated[str | None, typer.Option(help="of this device only")] = None,
    since: Annotated[str, typer.Option(help="how far back to look, by measuring time")] = "1h",
) -> None:
    """Print the HJ 212 codes that came and are in no layer of their device's vendor map."""
    span = parse_span(since)
    print_lines(_run(lambda pool, _: find_unmapped(pool, span, device)))


@app.command()
def remap(
    device: Annotated[str | None, typer.Option(help="of this device only")] = None,
    since: Annotated[str, typer.Option(help="how far back to go, by measuring time")] = "24h",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print what would be added, add nothing")
    ] = False,
) -> None:
    """Add the readings of HJ 212 codes that were unmapped when they came and are mapped now.

    What is stored already is never changed: look with --dry-run whether unit and factor are right.
    """
    span = parse_span(since)

    async def work(pool: Pool, settings: Settings) -> None:
        async with open_producer(settings.kafka) as producer:
            publish = _publish_nothing if dry_run else Intake(producer).publish
            await _remap(pool, settings, publish, device, span)

    _run(work)


async def _remap(
    pool: Pool, settings: Settings, publish: Publish, device: str | None, span: timedelta
) -> None:
    register = await load_devices(pool)
    if device is not None and device not in register:
        raise ConfigError(f"not in the register: {device}; see yanchen devices list")
    chosen = [one for one in register.values() if one.enabled and device in {None, one.device}]
    bounds = Bounds(max_future=settings.ingest.max_future, max_age=settings.ingest.max_age)
    async for line in publish_remapped(pool, settings.kafka, publish, chosen, bounds=bounds, span=span):
        print_lines([line])


async def _publish_nothing(_admitted: Admitted) -> None:
    """For a look."""
