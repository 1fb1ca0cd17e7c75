"""The embedded database: PostgreSQL with TimescaleDB, one cluster, one database named ``yanchen``."""

import secrets
import signal
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from app.embedded.account import Account, hand_over, identity, unprivileged
from app.embedded.ports import HOST
from app.embedded.postgres_programs import PostgresPrograms, find_programs
from app.embedded.process import Command
from app.embedded.server import Place, Server
from domain.errors import Unavailable

USER = "yanchen"
DATABASE = "yanchen"


class TimescaleDB(Server):
    """PostgreSQL 17 with TimescaleDB, or, where that cannot be had, a bare PostgreSQL."""

    name = "database"

    def __init__(self, place: Place, port: int) -> None:
        super().__init__(place, port)
        self._account: Account | None = None
        self._programs: PostgresPrograms | None = None
        self._password = ""

    @property
    def url(self) -> str:
        """The address of the database ``yanchen``, with user and password."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """The address of another database of the same server."""
        return f"postgresql://{USER}:{self._password}@{HOST}:{self.port}/{database}"

    async def create_database(self, name: str) -> str:
        """Create the database `name` where it is missing; its address."""
        async with await self._connect("postgres") as connection:
            there = await connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            if await there.fetchone() is None:
                await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url_of(name)

    async def drop_database(self, name: str) -> None:
        """Drop the database `name`, ending whoever is still connected to it."""
        async with await self._connect("postgres") as connection:
            await connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    @property
    def _cluster(self) -> Path:
        return self.folder / "cluster"

    @property
    def _installed_programs(self) -> PostgresPrograms:
        assert self._programs is not None, "installed before it is started"
        return self._programs

    def _install(self) -> None:
        self._account = unprivileged()
        self._programs = find_programs(self.place.cache, self._account, self.place.say)
        self.warning = self._programs.warning
        extension = f" with TimescaleDB ({self._programs.edition} edition)" if self._programs.edition else ""
        self.version = f"PostgreSQL {self._programs.major}{extension}"

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._password = _kept_secret(self.folder / "password")
        hand_over(self.folder, self._account)
        if not (self._cluster / "PG_VERSION").exists():
            self._initialise()

    def _initialise(self) -> None:
        done = subprocess.run(  # noqa: S603 - the words are ours
            initdb_argv(self._installed_programs, self.folder, durable=self.place.durable),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **identity(self._account),
        )
        if done.returncode:
            raise Unavailable(f"{self.name} could not be initialised: {(done.stderr or done.stdout).strip()}")

    def _command(self) -> Command:
        options = settings(
            self.port, timescaledb=self._installed_programs.edition is not None, durable=self.place.durable
        )
        words = [f"--{key}={value}" for key, value in options.items()]
        return Command(
            self.name,
            (self._installed_programs.folder / "postgres", "-D", self._cluster, *words),
            self.log,
            stop_signal=signal.SIGINT,  # "fast": roll back and go, without waiting for clients to leave
            account=self._account,
            keep_open=self.place.lock.descriptors,
        )

    async def _ready(self) -> bool:
        try:
            async with await self._connect("postgres") as connection:
                await connection.execute("SELECT")
        except psycopg.OperationalError:
            return False
        return True

    async def _opened(self) -> None:
        await self.create_database(DATABASE)

    async def _connect(self, database: str) -> psycopg.AsyncConnection[tuple[object, ...]]:
        return await psycopg.AsyncConnection.connect(
            self.url_of(database), autocommit=True, connect_timeout=5
        )


def initdb_argv(programs: PostgresPrograms, folder: Path, *, durable: bool) -> list[str | Path]:
    """How a cluster is made: UTF-8, bytewise order, a password for everybody."""
    # The built-in locale knows Unicode without asking the machine's C library, but is new in 17.
    built_in = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if programs.major >= 17 else []
    return [
        programs.folder / "initdb",
        f"--pgdata={folder / 'cluster'}",
        f"--username={USER}",
        f"--pwfile={folder / 'password'}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        *built_in,
        *([] if durable else ["--no-sync"]),
    ]


def settings(port: int, *, timescaledb: bool, durable: bool) -> dict[str, object]:
    """The server's configuration, given on its command line so that a restart takes up a change."""
    chosen: dict[str, object] = {
        "port": port,
        "listen-addresses": HOST,
        "unix-socket-directories": "",
        "max-connections": 200,
        "shared-buffers": "256MB",
        "jit": "off",
        "timezone": "UTC",
        "log-timezone": "UTC",
        # The extension asks for a worker for each database, and the tests make many.
        "max-worker-processes": 64,
    }
    if timescaledb:
        chosen |= {
            "shared-preload-libraries": "timescaledb",
            "timescaledb.telemetry_level": "off",
            "timescaledb.max_background_workers": 32,
        }
    if not durable:
        # A commit is still written before it is confirmed, so a killed server loses nothing.
        chosen |= {"fsync": "off", "full-page-writes": "off"}
    return chosen


def _kept_secret(path: Path) -> str:
    """The password in `path`, made up at the first start."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(18))
    return path.read_text().strip()
