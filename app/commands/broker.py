"""``yanchen broker sync``: mosquitto's password file, kept in step with the register."""

import asyncio
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer

from runtime.broker_accounts import (
    device_accounts,
    fit_for_broker,
    keep_accounts,
    password_file,
    service_accounts,
)
from runtime.broker_file import Reload, publish_accounts, read_accounts, reload_by_command, reload_by_pid
from runtime.database import open_pool
from runtime.logs import configure_logs
from runtime.service import run_service
from runtime.settings import Settings, load_settings

log = structlog.get_logger()

app: Final = typer.Typer(no_args_is_help=True, help="The MQTT broker's accounts.")


@app.callback()
def broker() -> None:
    """The MQTT broker's accounts."""


@app.command()
def sync(  # noqa: PLR0917 - a command's options
    file: Annotated[Path, typer.Option(help="mosquitto's password file; made if missing")],
    pid: Annotated[int | None, typer.Option(help="mosquitto's process id, to be sent SIGHUP")] = None,
    pid_file: Annotated[Path | None, typer.Option(help="file that holds it")] = None,
    reload: Annotated[str | None, typer.Option(help="command that has mosquitto read the file")] = None,
    keep: Annotated[list[str] | None, typer.Option(help="account of your own whose line stays")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="go on, and follow the register")] = False,
) -> None:
    """Write the accounts of all enabled devices and of our services, and have mosquitto read them."""
    tell = _reload(pid, pid_file, reload)
    names = tuple(keep or ())

    async def once(settings: Settings) -> None:
        async with open_pool(settings.database) as pool:
            await _publish(await device_accounts(pool), settings, file, tell, names)

    async def for_ever(settings: Settings) -> None:
        async with open_pool(settings.database) as pool:
            await keep_accounts(pool, lambda found: _publish(found, settings, file, tell, names))

    settings = load_settings()
    if watch:
        raise typer.Exit(run_service("broker", for_ever, settings))
    configure_logs("broker", settings.log_format)
    asyncio.run(once(settings))


def _reload(pid: int | None, pid_file: Path | None, command: str | None) -> Reload:
    given = [option for option in (pid, pid_file, command) if option is not None]
    if len(given) != 1:
        raise typer.BadParameter("say how mosquitto is told: one of --pid, --pid-file and --reload")
    return reload_by_command(command) if command is not None else reload_by_pid(pid, pid_file)


async def _publish(
    devices: dict[str, str], settings: Settings, file: Path, reload: Reload, keep: tuple[str, ...]
) -> None:
    present = await asyncio.to_thread(read_accounts, file)
    ours = {settings.mqtt.username: settings.mqtt.password} if settings.mqtt.password else {}
    services = service_accounts(present, ours, (settings.mqtt.username, *keep))
    good, refused = fit_for_broker(devices, {settings.mqtt.username, *services})
    for device, why in refused.items():
        log.warning("broker_account_refused", device=device, why=why)
    written = await publish_accounts(file, password_file(services | good), reload)
    log.info("broker_accounts", devices=len(good), services=len(services), changed=written)
