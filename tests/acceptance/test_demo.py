"""``yanchen demo`` as a person runs it: an account that closes, and a Ctrl-C that ends everything."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.timeout(170)
COMMAND = [sys.executable, "-m", "app.cli", "demo", "--no-browser", "--replay", "90min"]


def test_the_account_of_a_run_closes(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    done = subprocess.run(
        [*COMMAND, "--for", "30", "--summary", str(file)],
        capture_output=True,
        text=True,
        timeout=160,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    account = json.loads(file.read_text("utf-8"))
    assert account["published"] == (
        account["stored"] + sum(account["rejected"].values()) + account["duplicates"] + account["missing"]
    )
    assert account["missing"] == 0
    assert account["stored"] > 80 * 80
    assert account["duplicates"] > 0
    assert {"malformed_json", "bad_crc", "unknown_device", "future"} <= set(account["rejected"])
    assert account["exceedances"] == account["evaluations"]["exceed"] > 0
    assert account["cases"] > 0
    assert account["notices_delivered"] >= account["cases"]
    assert "/wall?token=" in done.stdout
    assert "/squad" in done.stdout


def test_ctrl_c_stops_every_process_it_started(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w+") as out:
        demo = subprocess.Popen(COMMAND, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            family = _started(demo, tmp_path / "out")
            assert len(family) >= 9, "three servers, five services, the devices"
            demo.send_signal(signal.SIGINT)
            assert demo.wait(60) == 0, (tmp_path / "out").read_text()
        finally:
            demo.kill()
    gone, alive = psutil.wait_procs(family, timeout=10)
    assert not alive, [process.cmdline() for process in alive]
    assert len(gone) == len(family)


def _started(demo: "subprocess.Popen[bytes]", out: Path) -> list[psutil.Process]:
    """All its descendants, once it says that it serves; pytest's limit ends a wait in vain."""
    parent = psutil.Process(demo.pid)
    while "Ctrl-C" not in out.read_text():
        assert demo.poll() is None, out.read_text()
        psutil.wait_procs([parent], timeout=0.2)
    return parent.children(recursive=True)
