"""The embedded Kafka: the real broker, one KRaft node that is broker and controller."""

import asyncio
import base64
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from app.embedded import deploy_files, kafka_jars, tansu
from app.embedded.java import Java, find_java
from app.embedded.ports import HOST, accepts
from app.embedded.process import Command
from app.embedded.server import Place, Server
from domain.errors import Unavailable

_LOGGING = Path(__file__).with_name("log4j2.properties")
_NEVER = 2**63 - 1
_STARTED = "Kafka Server started"
_JVM = ("-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-Djava.awt.headless=true")
# With the first compiler only, a start costs 3.8 s of processor time instead of 6: good for tests, while a
# broker that stays is faster with both.
_SHORT_LIVED = ("-XX:TieredStopAtLevel=1",)
_STAND_IN = (
    "Kafka's own jars are not to be had ({reason}); Tansu stands in, which keeps everything in memory: "
    "what was not yet stored is lost when it stops"
)


@dataclass(frozen=True, slots=True)
class _Broker:
    java: Java
    jars: Path
    options: tuple[str, ...]

    def argv(self, main: str, *words: str | Path) -> list[str | Path]:
        logging = f"-Dlog4j2.configurationFile={_LOGGING}"
        return [self.java.program, *_JVM, *self.options, logging, "-cp", f"{self.jars}/*", main, *words]


class Kafka(Server):
    """Apache Kafka, or, where its jars cannot be fetched, Tansu."""

    name = "kafka"

    def __init__(self, place: Place, port: int, controller_port: int) -> None:
        super().__init__(place, port)
        self.controller_port = controller_port
        self._broker: _Broker | None = None
        self._tansu: Path | None = None

    @property
    def bootstrap(self) -> str:
        """What clients connect to."""
        return f"{HOST}:{self.port}"

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _install(self) -> None:
        try:
            java = find_java()
            if not kafka_jars.fetched(self.place.cache):
                self.place.say("kafka: fetching its jars with Maven, once on this machine (45 MB)")
            jars = kafka_jars.fetch(self.place.cache, java)
            self._broker = _Broker(java, jars, () if self.place.durable else _SHORT_LIVED)
            self.version = f"Apache Kafka {kafka_jars.version(jars)} on Java {java.major}"
        except Unavailable as error:
            self._tansu = tansu.install(self.place.cache, error)
            self.version = "Tansu (in memory)"
            self.warning = _STAND_IN.format(reason=error)

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._broker is None:
            return
        self._properties.write_text(
            properties(self.folder / "log", self.port, self.controller_port, durable=self.place.durable)
        )
        if not (self.folder / "log" / "meta.properties").exists():
            self._format(self._broker)

    def _format(self, broker: _Broker) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # An id that begins with a hyphen would be read as an option.
        words = ("format", f"--cluster-id={cluster}", "--config", self._properties)
        done = subprocess.run(  # noqa: S603 - the words are ours
            broker.argv("kafka.tools.StorageTool", *words), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Unavailable(f"kafka did not format its storage: {(done.stderr or done.stdout).strip()}")

    def _command(self) -> Command:
        return Command(self.name, self._argv(), self.log, keep_open=self.place.lock.descriptors)

    def _argv(self) -> list[str | Path]:
        if self._tansu is not None:
            return tansu.argv(self._tansu, self.port)
        assert self._broker is not None, "installed before it is started"
        return self._broker.argv("kafka.Kafka", self._properties)

    async def _ready(self) -> bool:
        """The port opens before the broker may be used, so the broker's own word is awaited too."""
        said = self._broker is None or _STARTED in await asyncio.to_thread(self.log.read_text)
        return said and accepts(self.port)


def properties(log: Path, port: int, controller_port: int, *, durable: bool) -> str:
    """The broker's configuration: compose's, with the places changed.

    Args:
        log: the folder of the broker's data.
        port: where clients connect.
        controller_port: where the node's broker half talks to its controller half.
        durable: whether records are flushed to disk every second; else the operating system does it when it
            likes, which a killed broker survives and a power cut does not.
    """
    places: dict[str, object] = {
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "log.dirs": log,
    }
    if not durable:
        places["log.flush.interval.ms"] = _NEVER
    return deploy_files.place(deploy_files.read("kafka/server.properties"), places, "=")
