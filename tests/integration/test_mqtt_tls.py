"""TLS on the real mosquitto, with a certificate made for the test."""

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.embedded import deploy_files
from app.embedded.account import hand_over, unprivileged
from app.embedded.ports import HOST, accepts, free_port
from app.embedded.process import Command, Process
from app.embedded.stack import Stack
from domain.errors import ConfigError, Unavailable
from runtime.broker_accounts import hash_password, password_file
from runtime.mqtt import Subscription, open_subscriber
from runtime.settings import Mqtt

ALL = Subscription(wanted=["yanchen/#"])

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "of-our-services"

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Certificates for localhost, and of a stranger's authority; mosquitto's user may read them."""
    with tempfile.TemporaryDirectory(prefix="yanchen-tls-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        for who in ("server", "stranger"):
            openssl(
                *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
                *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
                *("-days", "2", "-keyout", place / f"{who}.key", "-out", place / f"{who}.crt"),
            )
        yield place


@pytest.fixture
async def port(stack: Stack, folder: Path) -> AsyncIterator[int]:
    """A mosquitto with deploy's configuration and tls.conf.example appended."""
    tls, clear = free_port(), free_port()
    (folder / "passwords").write_text(password_file({"yanchen": hash_password(PASSWORD)}))
    (folder / "acl").write_text(deploy_files.read("mosquitto/acl"))
    plain = {
        "listener": f"{clear} {HOST}",
        "persistence_location": f"{folder}/",
        "password_file": folder / "passwords",
        "acl_file": folder / "acl",
    }
    secure = {
        "listener": f"{tls} {HOST}",
        "certfile": folder / "server.crt",
        "keyfile": folder / "server.key",
    }
    example = (ROOT / "deploy/mosquitto/tls.conf.example").read_text("utf-8")
    (folder / "mosquitto.conf").write_text(
        deploy_files.place(deploy_files.read("mosquitto/mosquitto.conf"), plain, " ")
        + deploy_files.place(example, secure, " ")
    )
    account = unprivileged()
    hand_over(folder, account)
    argv = (stack.mqtt.program, "-c", folder / "mosquitto.conf")
    broker = await Process.spawn(Command("mqtt-tls", argv, folder / "log" / "mqtt.log", account=account))

    async def serves() -> bool:
        return accepts(tls)

    await broker.wait_ready(serves, 20)
    yield tls
    await broker.stop(within=10)


def settings(port: int, **more: object) -> Mqtt:
    mine = {"host": HOST, "port": port, "password": PASSWORD, "client_id": uuid.uuid4().hex}
    return Mqtt.model_validate(mine | more)


async def test_we_speak_tls_and_check_who_answers(port: int, folder: Path) -> None:
    async with open_subscriber(settings(port, tls=True, tls_ca=folder / "server.crt"), ALL):
        pass
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        async with open_subscriber(settings(port, tls=True, tls_ca=folder / "stranger.crt"), ALL):
            pass
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        async with open_subscriber(settings(port, tls=True), ALL):  # the machine's own authorities
            pass


async def test_a_clear_client_is_not_served_on_the_tls_port(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.mqtt._CONNECT_WAIT_S", 1.0)
    with pytest.raises(Unavailable, match="does not answer"):
        async with open_subscriber(settings(port), ALL):
            pass


async def test_files_that_are_no_certificates_are_named(folder: Path) -> None:
    (folder / "rubbish").write_text("no certificate")
    with pytest.raises(ConfigError, match="YANCHEN_MQTT__TLS"):
        async with open_subscriber(settings(1, tls=True, tls_ca=folder / "rubbish"), ALL):
            pass
