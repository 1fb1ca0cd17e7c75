"""Accounts on the MQTT broker: mosquitto's password file, made from the register.

A line is ``user:$7$iterations$salt$hash``, PBKDF2-SHA512, salt and hash in base64. The
register keeps only the hash, so whoever reads the database cannot log in as a device.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Final

from domain.errors import ConfigError
from runtime.database import Pool, transaction

ITERATIONS: Final = 101
"""mosquitto's own figure. It hashes again for every login, and at each reload for every client that is
connected: 0.06 ms each, measured, and ten times that with 1 000 rounds, while no message moves. The
passwords that we make are random (99 bits), so more rounds would guard nothing."""

_SALT_BYTES: Final = 12
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # no letter that is mistaken on a small display
_LENGTH: Final = 20
_FORBIDDEN: Final = ":+#/"

_ACCOUNTS: Final = (
    "SELECT device, mqtt_password_hash FROM devices"
    " WHERE enabled AND mqtt_password_hash IS NOT NULL ORDER BY device"
)


def new_password() -> str:
    """A random password that can be typed on a device: 20 signs, 99 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def hash_password(password: str) -> str:
    """What stands behind the user's name in mosquitto's password file.

    Raises:
        ConfigError: the password is empty or has a sign that MQTT clients cannot send.
    """
    if not password or any(sign in password for sign in "\n\r\0"):
        raise ConfigError("an MQTT password is empty or has a line break")
    salt = os.urandom(_SALT_BYTES)
    return f"$7${ITERATIONS}${_base64(salt)}${_base64(_derive(password, salt, ITERATIONS))}"


def matches(stored: str, password: str) -> bool:
    """Whether a stored hash is of this password; a hash of another kind is not."""
    try:
        _, kind, iterations, salt, digest = stored.split("$")
        derived = _derive(password, base64.b64decode(salt), int(iterations))
        return kind == "7" and hmac.compare_digest(derived, base64.b64decode(digest))
    except (ValueError, binascii.Error):
        return False


def _derive(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def name_trouble(name: str) -> str | None:
    """Why a name cannot be a user of the broker and a level of a topic; None if it can."""
    if not name:
        return "it is empty"
    if found := sorted({sign for sign in name if sign in _FORBIDDEN or not sign.isprintable()}):
        return f"it has {' '.join(map(repr, found))}"
    return "it begins or ends with a blank" if name != name.strip() else None


def password_file(accounts: Mapping[str, str]) -> str:
    """The text of the broker's password file.

    Args:
        accounts: user → hash, as ``hash_password`` gives it.

    Raises:
        ConfigError: a name that the file or the access rules cannot hold.
    """
    for user in accounts:
        if trouble := name_trouble(user):
            raise ConfigError(f"{user!r} cannot be an MQTT user: {trouble}")
    return "".join(f"{user}:{stored}\n" for user, stored in accounts.items())


def service_accounts(present: str, services: Mapping[str, str], keep: Iterable[str] = ()) -> dict[str, str]:
    """The accounts of the file that are no devices' and stay in it.

    A line of the present file stays as it is where its password is still right, since a
    fresh salt would look like a change.

    Args:
        present: the file's text now.
        services: name → password of accounts that the settings know.
        keep: names whose lines stay, whatever they are.
    """
    lines = dict(line.split(":", 1) for line in present.splitlines() if ":" in line)
    found = {name: lines[name] for name in keep if name in lines}
    for name, password in services.items():
        stored = lines.get(name, "")
        found[name] = stored if matches(stored, password) else hash_password(password)
    return dict(sorted(found.items()))


def fit_for_broker(
    devices: Mapping[str, str], reserved: Collection[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The devices' accounts that the broker can have, and why not the others: one bad name harms nobody else.

    Args:
        devices: device → hash, from the register.
        reserved: names of the services' accounts.
    """
    refused = {
        name: "a service's account has this name"
        if name in reserved
        else f"no name for the broker: {trouble}"
        for name in devices
        if (trouble := name_trouble(name)) or name in reserved
    }
    return {name: stored for name, stored in devices.items() if name not in refused}, refused


async def device_accounts(pool: Pool) -> dict[str, str]:
    """Device → hash of every enabled device that has an account."""
    async with transaction(pool) as connection:
        rows = await (await connection.execute(_ACCOUNTS)).fetchall()
    return {row["device"]: row["mqtt_password_hash"] for row in rows}


async def keep_accounts(
    pool: Pool, apply: Callable[[dict[str, str]], Awaitable[None]], every_s: float = 2.0
) -> None:
    """Apply the register's accounts now and, for ever, whenever they have changed.

    Raises:
        Unavailable: the database is away, or the broker could not be told.
    """
    applied: dict[str, str] | None = None
    while True:
        accounts = await device_accounts(pool)
        if accounts != applied:
            await apply(accounts)
            applied = accounts
        await asyncio.sleep(every_s)
