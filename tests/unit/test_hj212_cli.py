import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from app.commands.decode import decode
from ingest.hj212.answer import enclose

GOOD = enclose(
    b"QN=1;ST=39;CN=2011;PW=1;MN=YC-1;Flag=5;CP=&&DataTime=20260101120000;a34001-Rtd=92,a34001-Flag=N&&"
)
OTHER = enclose(b"QN=1;ST=91;CN=9014;PW=1;MN=YC-1;Flag=8;CP=&&&&")


def run(data: bytes, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    app = typer.Typer()
    app.command()(decode)
    result = CliRunner().invoke(app, list(arguments), input=data)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def oks(lines: Sequence[dict[str, Any]]) -> list[bool]:
    return [line["ok"] for line in lines]


def test_the_promised_keys():
    code, (line,) = run(GOOD, "-")
    assert code == 0
    assert line == {
        "ok": True,
        "device": "YC-1",
        "at": "2026-01-01T12:00:00+08:00",
        "command": "2011",
        "protocol_version": "2017",
        "ack_wanted": True,
        "crc": "standard",
        "readings": {"tsp": 92},
        "raw": {"DataTime": "20260101120000", "a34001-Rtd": "92", "a34001-Flag": "N"},
        "flags": {"tsp": "N"},
    }


def test_texts_that_are_no_numbers_are_told():
    frame = enclose(b"CN=2011;MN=YC-1;CP=&&DataTime=20260101120000;a34001-Rtd=--;LA-Rtd=50&&")
    code, (line,) = run(frame)
    assert (code, line["readings"], line["unreadable"]) == (0, {"noise": 50}, {"tsp": "--"})
    report = b'[{"at": 0, "readings": {"noise": 50, "tsp": null}}, {"at": 0}]'
    code, (first, second) = run(report, "--protocol", "json")
    assert (code, first["readings"], first["unreadable"]) == (1, {"noise": 50}, {"tsp": "null"})
    assert (second["reason"], second["frame"]) == ("invalid_report", '{"at": 0}')


def test_refusals_and_their_exit_code():
    code, (line,) = run(GOOD[:50])
    assert code == 1
    assert line == {
        "ok": False,
        "reason": "incomplete",
        "detail": line["detail"],
        "frame": GOOD[:50].decode(),
    }


def test_a_command_without_data():
    _, (line,) = run(OTHER)
    assert (line["at"], line["readings"], line["protocol_version"]) == (None, {}, "2025")


def test_raw_sticky_wrapped_and_mixed(tmp_path: Path):
    wrapped = json.dumps({"frame": "Real" + GOOD.decode(), "note": "x"}).encode()
    unframed = json.dumps({"frame": "MN=1;DataTime=2;a34041-Rtd=3;"}).encode()
    file = tmp_path / "frames"
    lines = [
        GOOD.strip() + OTHER.strip(),
        wrapped,
        GOOD.strip(),
        unframed,
        b'{"frame": ""}',
        b"{}",
        b"",
        OTHER,
    ]
    file.write_bytes(b"\n".join(lines))
    code, printed = run(b"", str(file))
    assert code == 1
    assert oks(printed) == [True, True, True, True, False, False, False, True]
    assert [line["reason"] for line in printed if not line["ok"]] == ["no_frame", "empty", "no_frame"]


def test_chinese_text_in_a_json_line():
    data = "QN=1;CN=3020;MN=YC-1;CP=&&i11001-Info=//门开了//&&"
    text = enclose(data.encode()).decode()
    _, (line,) = run(json.dumps({"frame": text}).encode())
    assert line["raw"] == {"i11001-Info": "//门开了//"}


def test_a_long_refused_frame_is_cut():
    _, (line,) = run(b"x" * 5000)
    assert len(line["frame"]) == 2048


def test_vendor():
    assert run(GOOD, "--vendor", "ng")[1][0]["readings"] == {"tsp": 0.092}
    assert run(GOOD, "--vendor", "nobody")[0] == 2


def test_wrong_use():
    assert run(b"", "/nowhere/frames")[0] == 2
    assert run(b"", "--protocol", "modbus")[0] == 2


def test_json_reports():
    lines = [
        b'{"at": "2026-01-01T04:00:00Z", "seq": 7, "readings": {"noise": 50.5}, "flags": {"noise": "D"}}',
        b'[{"at": 1767240000000, "readings": {"tsp": 92}}, {"at": 1767240060000, "readings": {}}]',
        b'{"at": "yesterday", "readings": {}}',
        b'{"at": 99999999999999999, "readings": {}}',
        b"{",
    ]
    code, printed = run(b"\n".join(lines), "--protocol", "json")
    assert code == 1
    assert oks(printed) == [True, True, True, False, False, False]
    assert printed[0] == {
        "ok": True,
        "device": None,
        "at": "2026-01-01T12:00:00+08:00",
        "seq": 7,
        "readings": {"noise": 50.5},
        "flags": {"noise": "D"},
    }
    assert printed[1]["at"] == "2026-01-01T12:00:00+08:00"
    assert [line["reason"] for line in printed[3:]] == ["invalid_report", "invalid_report", "malformed_json"]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\r\n \n"])
def test_nothing_in_nothing_out(data: bytes):
    assert run(data) == (0, [])
