"""The embedded MQTT broker: mosquitto, with a password for every device and rights below its own name."""

import asyncio
import os
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from app.embedded import debian, deploy_files
from app.embedded.account import Account, hand_over, require_reachable, unprivileged
from app.embedded.ports import HOST, accepts
from app.embedded.process import Command
from app.embedded.server import Place, Server
from domain.errors import Unavailable
from runtime.broker_accounts import hash_password, password_file
from runtime.broker_file import write_accounts

SERVICE_USER = "yanchen"
# Older ones count messages that are confirmed out of order wrongly, and stall.
OLDEST = (2, 0, 18)
_VERSION = re.compile(r"mosquitto version (\d+)\.(\d+)\.(\d+)")


class Mosquitto(Server):
    """mosquitto with the users it is given, and one more for the services of Yanchen."""

    name = "mqtt"

    def __init__(self, place: Place, port: int, users: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(place, port)
        self.host = HOST
        self.user = SERVICE_USER
        self.password = ""
        self._accounts = _hashed(users)
        self._account: Account | None = None
        self._broker = Path()

    @property
    def program(self) -> Path:
        """The broker's program, once it has been started."""
        return self._broker

    @property
    def password_file(self) -> Path:
        """The file that holds the accounts."""
        return self.folder / "passwords"

    async def set_users(self, users: Iterable[tuple[str, str]]) -> None:
        """Replace the device users, given with their passwords; see ``set_accounts``."""
        await self.set_accounts(await asyncio.to_thread(_hashed, users))

    async def set_accounts(self, accounts: Mapping[str, str]) -> None:
        """Replace the device users, given with their hashes; a running broker takes the new ones up."""
        self._accounts = dict(accounts)
        if self.pid is not None:
            await asyncio.to_thread(self._write_passwords)
            os.kill(self.pid, signal.SIGHUP)

    def _install(self) -> None:
        self._account = unprivileged()
        self._broker = on_this_machine() or self._from_debian()
        self.version = f"mosquitto {version_text(self._broker)}"

    def _from_debian(self) -> Path:
        if not debian.fetched(self.place.cache):
            self.place.say(f"mqtt: fetching mosquitto from Debian {debian.SUITE}, once on this machine")
        try:
            root = debian.fetch(self.place.cache)
        except Unavailable as error:
            oldest = ".".join(map(str, OLDEST))
            raise Unavailable(f"{error}; install mosquitto {oldest} or newer") from error
        require_reachable(
            root / "usr/sbin", self._account, "set YANCHEN_CACHE to a folder that others may enter"
        )
        return root / "usr/sbin/mosquitto"

    def _prepare(self) -> None:
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self.password = self._service_password()
        (self.folder / "acl").write_text(deploy_files.read("mosquitto/acl"))
        (self.folder / "mosquitto.conf").write_text(self._configuration())
        self._write_passwords()
        hand_over(self.folder, self._account)
        self._make_private(self.folder / "acl")

    def _configuration(self) -> str:
        places = {
            "listener": f"{self.port} {HOST}",
            "persistence_location": f"{self.folder / 'data'}/",
            "password_file": self.password_file,
            "acl_file": self.folder / "acl",
        }
        return deploy_files.place(deploy_files.read("mosquitto/mosquitto.conf"), places, " ")

    def _service_password(self) -> str:
        kept = self.folder / "service-password"
        if not kept.exists():
            kept.touch(mode=0o600)
            kept.write_text(secrets.token_urlsafe(18))
        return kept.read_text().strip()

    def _write_passwords(self) -> None:
        """Put the accounts in the place of the file in use, whole."""
        accounts = {**self._accounts, SERVICE_USER: hash_password(self.password)}
        write_accounts(self.password_file, password_file(accounts))
        self._make_private(self.password_file)

    def _make_private(self, path: Path) -> None:
        path.chmod(0o600)
        if self._account is not None:
            os.chown(path, self._account.uid, self._account.gid)

    def _command(self) -> Command:
        argv = (self._broker, "-c", self.folder / "mosquitto.conf")
        return Command(
            self.name, argv, self.log, account=self._account, keep_open=self.place.lock.descriptors
        )

    async def _ready(self) -> bool:
        return accepts(self.port)


def on_this_machine() -> Path | None:
    """An installed mosquitto that is new enough; None when there is none."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    broker = shutil.which("mosquitto", path=path)
    return None if broker is None or _version(Path(broker)) < OLDEST else Path(broker)


def _hashed(users: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {user: hash_password(password) for user, password in users}


def version_text(broker: Path) -> str:
    """The version of a broker program, for people."""
    return ".".join(map(str, _version(broker)))


def _version(broker: Path) -> tuple[int, ...]:
    # It has no option for its version but tells it with the help, and then exits with an error.
    said = subprocess.run([broker, "-h"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    match = _VERSION.search(said)
    return tuple(map(int, match.groups())) if match else (0, 0, 0)
