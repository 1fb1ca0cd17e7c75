"""What is asked of the register and changed in it, device by device."""

from collections.abc import Iterable
from typing import Any, Final

from domain.errors import ConfigError
from runtime.broker_accounts import hash_password, new_password
from runtime.database import Pool, transaction
from runtime.register_check import Known

_DEVICES: Final = """
    SELECT d.device, d.site, s.name AS site_name, d.protocol, d.interval_s, d.vendor, d.crc_rules, d.model,
           d.enabled, d.password IS NOT NULL AS hj212_password,
           d.mqtt_password_hash IS NOT NULL AS mqtt_account, d.online, d.online_at, d.last_report_at
    FROM devices d JOIN sites s USING (site)
    WHERE (%(site)s::text IS NULL OR d.site = %(site)s)
      AND (%(enabled)s::boolean IS NULL OR d.enabled = %(enabled)s)
    ORDER BY d.device
"""
_SITES: Final = """
    SELECT s.site, s.name, s.kind, s.area, s.grid_code, s.lon, s.lat, s.address, s.sensitive, s.stoves,
           s.phase, s.noise_class, count(d.device) AS devices
    FROM sites s LEFT JOIN devices d USING (site) GROUP BY s.site ORDER BY s.site
"""
_SQUADS: Final = "SELECT squad, name, grid_code, webhook_url, on_duty FROM squads ORDER BY squad"
_WITHOUT_ACCOUNT: Final = """
    SELECT device FROM devices
    WHERE device = ANY(%s) AND protocol = 'mqtt' AND mqtt_password_hash IS NULL ORDER BY device
"""

Line = dict[str, Any]


async def list_devices(pool: Pool, site: str | None = None, enabled: bool | None = None) -> list[Line]:
    """Every device, without its passwords."""
    return await _lines(pool, _DEVICES, {"site": site, "enabled": enabled})


async def list_sites(pool: Pool) -> list[Line]:
    """Every site and how many devices stand there."""
    return await _lines(pool, _SITES, {})


async def list_squads(pool: Pool) -> list[Line]:
    """Every squad."""
    return await _lines(pool, _SQUADS, {})


async def _lines(pool: Pool, query: str, values: dict[str, Any]) -> list[Line]:
    async with transaction(pool) as connection:
        # The queries are the constants above.
        return list(await (await connection.execute(query, values)).fetchall())


async def known(
    pool: Pool, vendors: Iterable[str], crc_rules: Iterable[str], reserved: Iterable[str]
) -> Known:
    """What an import may refer to.

    Args:
        pool: the database.
        vendors: names of the vendor layers.
        crc_rules: names of the HJ 212 checksum rules.
        reserved: names that no device may have.
    """
    ids = {"grid_cells": "code", "squads": "squad", "sites": "site"}
    found: dict[str, frozenset[str]] = {}
    async with transaction(pool) as connection:
        for table, column in ids.items():
            rows = await (await connection.execute(f"SELECT {column} AS id FROM {table}")).fetchall()  # noqa: S608
            found[table] = frozenset(row["id"] for row in rows)
    return Known(
        cells=found["grid_cells"],
        squads=found["squads"],
        sites=found["sites"],
        vendors=tuple(vendors),
        crc_rules=tuple(crc_rules),
        reserved=frozenset(reserved),
    )


async def set_enabled(pool: Pool, devices: Iterable[str], enabled: bool) -> None:
    """Let devices in, or keep them out; what they reported stays.

    Raises:
        ConfigError: one is not in the register; nothing was changed.
    """
    wanted = set(devices)
    query = "UPDATE devices SET enabled = %s WHERE device = ANY(%s) RETURNING device"
    async with transaction(pool) as connection:
        rows = await (await connection.execute(query, (enabled, list(wanted)))).fetchall()
        _require(wanted, {row["device"] for row in rows})


async def rotate_passwords(pool: Pool, devices: Iterable[str]) -> dict[str, str]:
    """Give each device a new password on the broker; this answer is the only place where it is in clear.

    Raises:
        ConfigError: one is not in the register; nothing was changed.
    """
    passwords = {device: new_password() for device in sorted(set(devices))}
    query = "UPDATE devices SET mqtt_password_hash = %s WHERE device = %s RETURNING device"
    async with transaction(pool) as connection:
        for device, password in passwords.items():
            row = await (await connection.execute(query, (hash_password(password), device))).fetchone()
            _require({device}, {device} if row else set())
    return passwords


async def issue_passwords(pool: Pool, devices: Iterable[str]) -> dict[str, str]:
    """A password for each of these MQTT devices that has no account on the broker yet."""
    async with transaction(pool) as connection:
        rows = await (await connection.execute(_WITHOUT_ACCOUNT, (list(devices),))).fetchall()
    return await rotate_passwords(pool, [row["device"] for row in rows])


def _require(wanted: set[str], found: set[str]) -> None:
    if missing := sorted(wanted - found):
        raise ConfigError(f"not in the register: {', '.join(missing)}; see yanchen devices list")
