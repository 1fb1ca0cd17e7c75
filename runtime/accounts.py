"""Accounts: argon2 passwords, a signed login cookie, and who may see what.

A page asks ``require(role, …)``; the shell mounts the session middleware and the login form.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import HTTPException, Request, status

from domain.register import Role
from runtime.database import Pool, transaction

_hasher: Final = PasswordHasher()


@dataclass(frozen=True, slots=True)
class Person:
    """Who is logged in.

    Attributes:
        username: login name; the actor in a case's events.
        name: shown to people.
        role: what they may do.
        squad: their squad, for role ``squad``.
    """

    username: str
    name: str
    role: Role
    squad: str | None = None


class LoginNeeded(Exception):  # noqa: N818 - not a failure: the shell answers it with the login form
    """Nobody is logged in; the shell turns it into the login page or a 401."""


def hash_password(password: str) -> str:
    """The argon2id hash to store."""
    return _hasher.hash(password)


async def check_login(pool: Pool, username: str, password: str) -> Person | None:
    """The person if the password is right; None tells nothing about which part was wrong."""
    query = "SELECT username, password_hash, name, role, squad FROM accounts WHERE username = %s"
    async with transaction(pool) as connection:
        row = await (await connection.execute(query, (username,))).fetchone()
    try:
        # An unknown name costs the same hash as a wrong password.
        _hasher.verify(row["password_hash"] if row else _hasher.hash("nobody"), password)
    except (VerificationError, InvalidHashError):
        return None
    return Person(row["username"], row["name"], Role(row["role"]), row["squad"]) if row else None


def remember(request: Request, person: Person) -> None:
    """Put the person into the signed cookie."""
    request.session.clear()
    request.session["person"] = [person.username, person.name, person.role.value, person.squad]


def person_of(request: Request) -> Person | None:
    """Who the signed cookie says it is."""
    kept = request.session.get("person")
    return Person(kept[0], kept[1], Role(kept[2]), kept[3]) if kept else None


def require(*roles: Role) -> Callable[[Request], Awaitable[Person]]:
    """A dependency that lets only these roles in (any role if none is named).

    Raises:
        LoginNeeded: nobody is logged in.
        HTTPException: 403, logged in with another role.
    """

    async def check(request: Request) -> Person:
        person = person_of(request)
        if person is None:
            raise LoginNeeded
        if roles and person.role not in roles:
            raise HTTPException(
                status.HTTP_403_FORBIDDEN, "this account may not do that 此账号无权进行该操作"
            )
        return person

    return check
