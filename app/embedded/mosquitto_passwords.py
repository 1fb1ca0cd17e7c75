"""The broker's password file, as text."""

from collections.abc import Iterable

from domain.errors import ConfigError


def password_lines(users: Iterable[tuple[str, str]]) -> str:
    """A password file in clear text, one ``user:password`` a line, which mosquitto_passwd then hashes.

    Raises:
        ConfigError: a name or password that the file or the access rules cannot hold.
    """
    lines = []
    for user, password in users:
        if not user or any(sign in user for sign in ":+#/\n\r\0"):
            raise ConfigError(
                f"{user!r} cannot be an MQTT user: it must be one level of a topic, without ':'"
            )
        if not password or any(sign in password for sign in "\n\r\0"):
            raise ConfigError(f"the MQTT password of {user} is empty or has a line break")
        lines.append(f"{user}:{password}\n")
    return "".join(lines)
