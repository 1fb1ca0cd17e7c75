"""The register in the database: import a city's file, and read what ingest and rules need."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog

from domain.register import City, GridLevel, Monitor
from domain.site import Device, NoiseClass, Protocol, Site, SiteKind
from runtime.accounts import hash_password
from runtime.broker_accounts import hash_password as hash_mqtt_password
from runtime.broker_accounts import matches
from runtime.database import Connection, Pool, transaction

log = structlog.get_logger()

_DEVICES: Final = (
    "SELECT d.device, d.point_id, d.protocol, d.password, d.vendor, d.crc_rules, d.enabled, d.interval_s,"
    " s.site, s.kind, s.area, s.sensitive, s.stoves, s.phase, s.noise_class"
    " FROM devices d JOIN sites s USING (site)"
)


@dataclass(frozen=True, slots=True)
class Changes:
    """What an import did, in entries."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: "Changes") -> "Changes":
        """Both together."""
        return Changes(self.new + other.new, self.changed + other.changed, self.unchanged + other.unchanged)


async def import_city(
    pool: Pool,
    city: City,
    outlines: Mapping[str, Any] | None = None,
    fields: AbstractSet[str] | None = None,
) -> Changes:
    """Write a city into the register; doing it again changes only what differs.

    Args:
        pool: the database.
        city: the register.
        outlines: cell code → GeoJSON geometry, for the map.
        fields: where an entry exists already, change these only (a sheet need not have every column).
    """
    levels = list(GridLevel)
    cells = sorted(city.cells, key=lambda cell: levels.index(cell.level))  # parents first
    async with transaction(pool) as connection:
        changes = await _upsert(connection, "grid_cells", "code", _rows(cells), fields)
        for code, geometry in (outlines or {}).items():
            await connection.execute(
                "UPDATE grid_cells SET outline = %s WHERE code = %s",
                (msgspec.json.encode(geometry).decode(), code),
            )
        changes += await _upsert(connection, "squads", "squad", _rows(city.squads), fields)
        changes += await _upsert(connection, "sites", "site", _rows(city.places), fields)
        changes += await _upsert(connection, "devices", "device", _rows(city.monitors), fields)
        changes += await _upsert(connection, "accounts", "username", await _account_rows(connection, city))
        await _set_mqtt_passwords(connection, city.monitors)
        return changes


def _rows(items: Iterable[msgspec.Struct]) -> list[dict[str, Any]]:
    """Columns and values; a password for the broker is stored apart, as a hash."""
    rows = [msgspec.to_builtins(item) for item in items]
    return [{name: _value(value) for name, value in row.items() if name != "mqtt_password"} for row in rows]


def _value(value: Any) -> Any:
    """A list is an array to psycopg, where a tuple would be a row."""
    return list(value) if isinstance(value, tuple) else value


async def _set_mqtt_passwords(connection: Connection, monitors: Sequence[Monitor]) -> None:
    """Store the hash of each given password; one that is right already stays, salt and all."""
    given = {m.device: m.mqtt_password for m in monitors if m.mqtt_password is not None}
    query = "SELECT device, mqtt_password_hash FROM devices WHERE device = ANY(%s)"
    rows = await (await connection.execute(query, (list(given),))).fetchall()
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "UPDATE devices SET mqtt_password_hash = %s WHERE device = %s",
            [
                (hash_mqtt_password(given[row["device"]]), row["device"])
                for row in rows
                if not matches(row["mqtt_password_hash"] or "", given[row["device"]])
            ],
        )


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


async def _upsert(
    connection: Connection,
    table: str,
    key: str,
    rows: Sequence[Mapping[str, Any]],
    fields: AbstractSet[str] | None = None,
) -> Changes:
    if not rows:
        return Changes()
    columns = list(rows[0])
    named = [name for name in columns if name != key and (fields is None or name in fields)]
    values = ", ".join(f"%({column})s" for column in columns)
    # The names are ours (fields of domain.register), never a user's.
    update = (
        f"UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in named)}"
        f" WHERE ({', '.join(f'kept.{name}' for name in named)})"
        f" IS DISTINCT FROM ({', '.join(f'excluded.{name}' for name in named)})"
    )
    counts: Counter[bool | None] = Counter()
    async with connection.cursor() as cursor:
        await cursor.executemany(
            f"INSERT INTO {table} AS kept ({', '.join(columns)}) VALUES ({values})"  # noqa: S608
            f" ON CONFLICT ({key}) DO {update if named else 'NOTHING'} RETURNING xmax = 0 AS new",
            rows,
            returning=True,
        )
        more: bool | None = True
        while more:
            row = await cursor.fetchone()
            counts[row["new"] if row else None] += 1
            more = cursor.nextset()
    return Changes(counts[True], counts[False], counts[None])


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
        crc_rules=None if row["crc_rules"] is None else frozenset(row["crc_rules"]),
        enabled=row["enabled"],
        site=Site(
            site=row["site"],
            kind=SiteKind(row["kind"]),
            area=row["area"],
            sensitive=row["sensitive"],
            interval_s=row["interval_s"],
            stoves=row["stoves"],
            phase=row["phase"],
            noise_class=None if row["noise_class"] is None else NoiseClass(row["noise_class"]),
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
