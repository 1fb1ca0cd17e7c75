"""A device that is added to a running demo, or to ``yanchen up --embedded``, may publish at once."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from mosquitto_clients import program

from app.embedded.ports import free_port

pytestmark = pytest.mark.timeout(170)
YANCHEN = [sys.executable, "-m", "app.cli"]


@pytest.mark.parametrize("command", [["demo", "--no-browser", "--replay", "1min"], ["up", "--embedded"]])
def test_a_device_that_is_added_may_publish(command: list[str], tmp_path: Path) -> None:
    ports = {"YANCHEN_INGEST__HJ212_PORT": str(free_port()), "YANCHEN_WEB__PORT": str(free_port())}
    data = Path(tempfile.mkdtemp(prefix="yanchen-tests-"))  # the database's own user may enter
    with (tmp_path / "out").open("w+") as out:
        running = subprocess.Popen(
            [*YANCHEN, *command, "--data", str(data)],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ports},
            start_new_session=True,
        )
        try:
            told = _told(running, tmp_path / "out")
            url = re.search(r"YANCHEN_DATABASE__URL=(\S+)", told)
            broker = re.search(r"MQTT 127\.0\.0\.1:(\d+)", told)
            assert url, told
            assert broker, told
            _publish(int(broker[1]), "new-1", _added(url[1], tmp_path))
            running.send_signal(signal.SIGINT)
            assert running.wait(60) == 0, (tmp_path / "out").read_text()
        finally:
            running.kill()
    shutil.rmtree(data)


def _told(running: "subprocess.Popen[bytes]", out: Path) -> str:
    """What it says until it serves; pytest's limit ends a wait in vain."""
    while not re.search(r"HJ 212 127\.0\.0\.1:\d+", out.read_text()):
        assert running.poll() is None, out.read_text()
        psutil.wait_procs([psutil.Process(running.pid)], timeout=0.2)
    return out.read_text()


def _added(url: str, folder: Path) -> str:
    """A site and a device by our own commands; the device's new password."""
    env = {**os.environ, "YANCHEN_DATABASE__URL": url}
    (folder / "city.json").write_text('{"cells": [{"code": "991199", "name": "区", "level": "city"}]}')
    (folder / "sites.csv").write_text(
        "site,name,kind,area,grid_code,lon,lat\nnew,New,restaurant,991199,991199,120.8,32\n"
    )
    for words in (
        ["register", "import", str(folder / "city.json")],
        ["sites", "import", str(folder / "sites.csv")],
    ):
        subprocess.run([*YANCHEN, *words], env=env, check=True)
    words = ["devices", "add", "new-1", "--site", "new"]
    done = subprocess.run([*YANCHEN, *words], env=env, check=True, capture_output=True)
    return str(json.loads(done.stdout)["mqtt_password"])


def _publish(port: int, device: str, password: str) -> None:
    """Try until the broker takes it; pytest's limit ends it."""
    words = ["-h", "127.0.0.1", "-p", str(port), "-u", device, "-P", password, "-q", "1"]
    words += ["-t", f"yanchen/v1/{device}/readings", "-m", "{}"]
    while subprocess.run([program("mosquitto_pub"), *words], capture_output=True, check=False).returncode:
        pass
