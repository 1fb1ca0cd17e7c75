"""The register in the database: import a city's file, and read what ingest and rules need."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog

from domain.errors import ConfigError
from domain.register import City
from domain.site import Device, Protocol, Site, SiteKind
from runtime.accounts import hash_password
from runtime.database import Connection, Pool, transaction

log = structlog.get_logger()

_DEVICES: Final = (
    "SELECT d.device, d.point_id, d.protocol, d.password, d.vendor, d.enabled, d.interval_s,"
    " s.site, s.kind, s.area, s.sensitive, s.stoves, s.phase FROM devices d JOIN sites s USING (site)"
)


def parse_city(data: bytes, name: str) -> City:
    """A register file.

    Raises:
        ConfigError: the file is not of the form ``domain.register.City``; the sentence names the place.
    """
    try:
        return msgspec.json.decode(data, type=City)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: {error}; see docs/register.md for the form") from error


async def import_city(pool: Pool, city: City, outlines: Mapping[str, Any] | None = None) -> None:
    """Write a city into the register; doing it again changes only what differs.

    Args:
        pool: the database.
        city: the register.
        outlines: cell code → GeoJSON geometry, for the map.
    """
    async with transaction(pool) as connection:
        await _upsert(connection, "grid_cells", "code", [msgspec.to_builtins(cell) for cell in city.cells])
        for code, geometry in (outlines or {}).items():
            await connection.execute(
                "UPDATE grid_cells SET outline = %s WHERE code = %s",
                (msgspec.json.encode(geometry).decode(), code),
            )
        await _upsert(connection, "squads", "squad", [msgspec.to_builtins(squad) for squad in city.squads])
        await _upsert(connection, "sites", "site", [msgspec.to_builtins(place) for place in city.places])
        await _upsert(
            connection, "devices", "device", [msgspec.to_builtins(device) for device in city.monitors]
        )
        await _upsert(connection, "accounts", "username", await _account_rows(connection, city))


async def _account_rows(connection: Connection, city: City) -> list[dict[str, Any]]:
    """Accounts with hashed passwords; one that exists keeps its password."""
    rows = await (await connection.execute("SELECT username, password_hash FROM accounts")).fetchall()
    kept = {row["username"]: row["password_hash"] for row in rows}
    return [
        {
            "username": account.username,
            "password_hash": kept.get(account.username) or hash_password(account.password),
            "name": account.name,
            "role": account.role.value,
            "squad": account.squad,
        }
        for account in city.accounts
    ]


async def _upsert(connection: Connection, table: str, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    columns = list(rows[0])
    names = ", ".join(columns)
    values = ", ".join(f"%({column})s" for column in columns)
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns if column != key)
    async with connection.cursor() as cursor:
        await cursor.executemany(
            # The names are ours (fields of domain.register), never a user's.
            f"INSERT INTO {table} ({names}) VALUES ({values})"  # noqa: S608
            f" ON CONFLICT ({key}) DO UPDATE SET {changes}",
            rows,
        )


async def load_devices(pool: Pool) -> dict[str, Device]:
    """Every device of the register by its name, disabled ones too."""
    async with transaction(pool) as connection:
        rows = await (await connection.execute(_DEVICES)).fetchall()
    return {row["device"]: _device(row) for row in rows}


def _device(row: Mapping[str, Any]) -> Device:
    return Device(
        device=row["device"],
        point_id=row["point_id"],
        protocol=Protocol(row["protocol"]),
        password=row["password"],
        vendor=row["vendor"],
        enabled=row["enabled"],
        site=Site(
            site=row["site"],
            kind=SiteKind(row["kind"]),
            area=row["area"],
            sensitive=row["sensitive"],
            interval_s=row["interval_s"],
            stoves=row["stoves"],
            phase=row["phase"],
        ),
    )


class Register:
    """The devices as last read; ``keep_fresh`` reads them again every few seconds.

    A device that is added to the register is accepted within ``every_s`` seconds.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.devices: Mapping[str, Device] = {}

    async def refresh(self) -> bool:
        """Read the register; whether anything changed."""
        devices = await load_devices(self._pool)
        changed = devices != self.devices
        self.devices = devices
        return changed

    async def keep_fresh(self, every_s: float = 5.0) -> None:
        """Refresh for ever."""
        while True:
            await asyncio.sleep(every_s)
            if await self.refresh():
                log.info("register_changed", devices=len(self.devices))
