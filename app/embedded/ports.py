"""Ports of the embedded servers."""

import random
import socket
from dataclasses import dataclass, fields, replace

from domain.errors import Unavailable

HOST = "127.0.0.1"
# Below the range the kernel takes for outgoing connections: a client that keeps calling a stopped server
# could otherwise be given the server's own port, connect to itself and keep the server from coming back.
_RANGE = range(15_000, 30_000)
_TRIES = 200


@dataclass(frozen=True, slots=True)
class Ports:
    """The port of each embedded server; 0 means any free one."""

    kafka: int = 0
    kafka_controller: int = 0
    mqtt: int = 0
    database: int = 0


def settle(wanted: Ports) -> Ports:
    """Replace every 0 by a free port, all different."""
    taken = {getattr(wanted, field.name) for field in fields(wanted)}
    found: dict[str, int] = {}
    for field in fields(wanted):
        if getattr(wanted, field.name) == 0:
            found[field.name] = _any_free(taken | set(found.values()))
    return replace(wanted, **found)


def free_port(preferred: int = 0) -> int:
    """The preferred port if nothing uses it, else any free one."""
    return preferred if preferred and not _in_use(preferred) else _any_free(set())


def _any_free(taken: set[int]) -> int:
    for port in random.sample(_RANGE, _TRIES):
        if port not in taken and not _in_use(port):
            return port
    raise Unavailable(f"no free port found on {HOST} between {_RANGE.start} and {_RANGE.stop}")


def _in_use(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def accepts(port: int) -> bool:
    """Whether something on this machine accepts connections on `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
