"""The embedded MQTT broker: mosquitto, with a password for every device and rights below its own name."""

import asyncio
import os
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from app.embedded import debian, deploy_files, mosquitto_passwords
from app.embedded.account import Account, hand_over, require_reachable, unprivileged
from app.embedded.ports import HOST, accepts
from app.embedded.process import Command
from app.embedded.server import Place, Server
from domain.errors import Unavailable

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
        self._users = dict(users)
        self._account: Account | None = None
        self._broker = self._hasher = Path()

    async def set_users(self, users: Iterable[tuple[str, str]]) -> None:
        """Replace the device users; a running broker takes the new ones up and keeps its connections."""
        self._users = dict(users)
        if self.pid is not None:
            await asyncio.to_thread(self._write_passwords)
            os.kill(self.pid, signal.SIGHUP)

    def _install(self) -> None:
        self._account = unprivileged()
        self._broker, self._hasher = on_this_machine() or self._from_debian()
        self.version = f"mosquitto {version_text(self._broker)}"

    def _from_debian(self) -> tuple[Path, Path]:
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
        return root / "usr/sbin/mosquitto", root / "usr/bin/mosquitto_passwd"

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
            "password_file": self.folder / "passwords",
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
        """Hash all passwords in one call beside the file in use, and put them in its place whole."""
        fresh = self.folder / "passwords.new"
        fresh.touch(mode=0o600)
        users = {**self._users, SERVICE_USER: self.password}
        fresh.write_text(mosquitto_passwords.password_lines(users.items()))
        done = subprocess.run(  # noqa: S603 - the words are ours
            [self._hasher, "-U", fresh], capture_output=True, text=True, check=False
        )
        if done.returncode:
            fresh.unlink()
            raise Unavailable(
                f"mqtt: the passwords could not be hashed: {(done.stderr or done.stdout).strip()}"
            )
        self._make_private(fresh)
        fresh.replace(self.folder / "passwords")

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


def on_this_machine() -> tuple[Path, Path] | None:
    """An installed mosquitto that is new enough, with its password tool; None when there is none."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    broker, hasher = shutil.which("mosquitto", path=path), shutil.which("mosquitto_passwd", path=path)
    if broker is None or hasher is None or _version(Path(broker)) < OLDEST:
        return None
    return Path(broker), Path(hasher)


def version_text(broker: Path) -> str:
    """The version of a broker program, for people."""
    return ".".join(map(str, _version(broker)))


def _version(broker: Path) -> tuple[int, ...]:
    # It has no option for its version but tells it with the help, and then exits with an error.
    said = subprocess.run([broker, "-h"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    match = _VERSION.search(said)
    return tuple(map(int, match.groups())) if match else (0, 0, 0)
