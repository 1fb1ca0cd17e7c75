"""The register by its commands: imports, the broker's accounts, unmapped codes; on real servers."""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

from app.broker_keeper import accounts_kept
from app.cli import cli
from app.embedded.process import Process, wait_until
from app.embedded.stack import Stack
from app.fleet import yanchen
from domain.errors import YanchenError
from runtime.migrations import migrate

CITY = {
    "cells": [
        {"code": "320602", "name": "区", "level": "district", "parent": "3206"},
        {"code": "3206", "name": "市", "level": "city"},
    ]
}
SITES = "场所编号,名称,类型,行政区划代码,网格,经度,纬度\nr1,老街面馆,餐饮单位,320602,320602,120.8,32\n"
DEVICES = (
    "MN号,场所编号,协议,PW,厂商映射\nd1,r1,mqtt,,\nd2,r1,HJ212,123456,ng\nd3,r9,mqtt,,\nd4,r1,mqtt,,nobody\n"
)

Ran = tuple[int, list[dict[str, Any]], str]


class Commands:
    """Runs ``yanchen`` against the servers of a stack."""

    def __init__(self, stack: Stack, url: str) -> None:
        self.env = {
            **os.environ,
            "YANCHEN_DATABASE__URL": url,
            "YANCHEN_KAFKA__BOOTSTRAP": stack.endpoints.kafka_bootstrap,
            "YANCHEN_MQTT__PASSWORD": stack.mqtt.password,
        }

    async def __call__(self, *words: str | Path) -> Ran:
        """In this process, as the start of another costs a second each time."""
        argv = list(map(str, words))
        result = await asyncio.to_thread(CliRunner().invoke, cli, argv, env=self.env)
        if isinstance(result.exception, YanchenError):  # main() says it and leaves with 2
            return 2, [], str(result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr

    async def apart(self, *words: str | Path) -> int:
        """In a process of its own."""
        argv = [sys.executable, "-m", "app.cli", *map(str, words)]
        child = await asyncio.create_subprocess_exec(*argv, env=self.env)
        return await child.wait()


@pytest.fixture
async def run(stack: Stack, database_url: str, tmp_path: Path) -> Commands:
    """A database with a site, a device that speaks MQTT and one that speaks HJ 212."""
    migrate(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("TRUNCATE grid_cells, squads, sites, devices, accounts, readings, reports CASCADE")
    commands = Commands(stack, database_url)
    (tmp_path / "city.json").write_text(json.dumps(CITY))
    (tmp_path / "sites.csv").write_bytes(SITES.encode("gbk"))
    (tmp_path / "devices.csv").write_bytes(DEVICES.encode("gbk"))
    assert (await commands("register", "import", tmp_path / "city.json"))[0] == 0
    assert (await commands("sites", "import", tmp_path / "sites.csv"))[0] == 0
    return commands


async def answer_of(stack: Stack, user: str, password: str) -> str:
    """What a device hears that connects and publishes."""
    said: list[str] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, uuid.uuid4().hex, protocol=mqtt.MQTTv5)
    client.username_pw_set(user, password)

    def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            said.append(str(reason))
        else:
            client.publish(f"yanchen/v1/{user}/readings", b"{}", qos=1)

    client.on_connect = on_connect
    # That nobody listens is said too, and is no refusal.
    client.on_publish = lambda *args: said.append(str(args[3]) if args[3].is_failure else "Success")
    client.connect(stack.endpoints.mqtt_host, stack.endpoints.mqtt_port)
    client.loop_start()
    try:
        assert await wait_until(lambda: asyncio.to_thread(lambda: bool(said)), 20)
    finally:
        await asyncio.to_thread(client.disconnect)
        await asyncio.to_thread(client.loop_stop)
    return said[0]


async def becomes(stack: Stack, user: str, password: str, expected: str) -> bool:
    async def so() -> bool:
        return await answer_of(stack, user, password) == expected

    return await wait_until(so, 20)


async def test_good_rows_are_imported_and_bad_ones_named(run: Commands, tmp_path: Path) -> None:
    code, faults, said = await run("devices", "import", tmp_path / "devices.csv", "--strict")
    assert (code, (await run("devices", "list"))[1]) == (1, [])
    assert "nothing was imported" in said
    code, again, said = await run("devices", "import", tmp_path / "devices.csv")
    assert (code, again) == (1, faults)
    assert [(fault["row"], fault["column"]) for fault in faults] == [(4, "场所编号"), (5, "厂商映射")]
    assert "2 new, 0 changed, 0 as before" in said
    assert "0 new, 0 changed, 2 as before" in (await run("devices", "import", tmp_path / "devices.csv"))[2]
    _, devices, _ = await run("devices", "list")
    assert [(line["device"], line["vendor"], line["hj212_password"]) for line in devices] == [
        ("d1", None, False),
        ("d2", "ng", True),
    ]
    _, sites, _ = await run("sites", "list")
    assert [(line["site"], line["name"], line["devices"]) for line in sites] == [("r1", "老街面馆", 2)]


async def test_a_sheet_changes_only_its_columns(run: Commands, tmp_path: Path) -> None:
    await run("devices", "import", tmp_path / "devices.csv")
    (tmp_path / "models.csv").write_text("MN,site,model\nd2,r1,YC-9\n")
    code, _, said = await run("devices", "import", tmp_path / "models.csv")
    assert (code, "1 changed" in said) == (0, True)
    _, devices, _ = await run("devices", "list", "--site", "r1")
    assert [(line["model"], line["vendor"], line["protocol"]) for line in devices][1] == (
        "YC-9",
        "ng",
        "hj212",
    )


async def test_checksum_rules_are_kept_and_checked(run: Commands, tmp_path: Path) -> None:
    words = ["--site", "r1", "--protocol", "hj212"]
    code, (fault,), _ = await run("devices", "add", "c1", *words, "--crc-rule", "crc8")
    assert (code, fault["row"], fault["column"]) == (1, "c1", "crc_rules")
    assert "modbus-byteswapped" in fault["remedy"]
    assert (await run("devices", "add", "c1", *words, "--crc-rule", "standard", "--crc-rule", "arc"))[0] == 0
    (tmp_path / "rules.csv").write_text("MN,site,校验规则\nc2,r1,modbus、standard\nc3,r1,\n")
    assert (await run("devices", "import", tmp_path / "rules.csv"))[0] == 0
    assert "2 as before" in (await run("devices", "import", tmp_path / "rules.csv"))[2]
    _, devices, _ = await run("devices", "list")
    assert {line["device"]: line["crc_rules"] for line in devices} == {
        "c1": ["standard", "arc"],
        "c2": ["modbus", "standard"],
        "c3": None,
    }


async def test_squads(run: Commands, tmp_path: Path) -> None:
    (tmp_path / "squads.csv").write_text("中队编号,名称,网格编码\neast,城东中队,320602\nwest,城西中队,9\n")
    code, (fault,), _ = await run("squads", "import", tmp_path / "squads.csv")
    assert (code, fault["row"], fault["column"]) == (1, 3, "网格编码")
    assert (await run("squads", "list"))[1] == [
        {"squad": "east", "name": "城东中队", "grid_code": "320602", "webhook_url": None, "on_duty": True}
    ]


async def test_wrong_use_is_two(run: Commands, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    assert (await run("devices", "import", tmp_path / "x.csv"))[0] == 2
    assert (await run("devices", "disable", "nobody"))[0] == 2
    assert (await run("devices", "rotate", "nobody"))[0] == 2
    assert (await run("broker", "sync", "--file", tmp_path / "p"))[0] == 2
    assert (await run("devices", "add", "d1", "--site", "r1"))[0] == 0
    assert (await run("devices", "add", "d1", "--site", "r1"))[0] == 2
    assert (await run("devices", "add", "d/2", "--site", "nowhere"))[0] == 1


async def test_a_wrong_city_changes_nothing(run: Commands, tmp_path: Path) -> None:
    city = {
        "cells": [{"code": "1", "name": "x", "level": "city"}],
        "monitors": [{"device": "d9", "site": "r9"}],
    }
    (tmp_path / "wrong.json").write_text(json.dumps(city))
    code, (fault,), said = await run("register", "import", tmp_path / "wrong.json")
    assert (code, fault["row"], fault["column"]) == (1, "monitors[0]", "site")
    assert "nothing was imported" in said


@asynccontextmanager
async def watching(run: Commands, stack: Stack, log: Path) -> AsyncIterator[None]:
    """``yanchen broker sync --watch`` beside the stack's broker."""
    words = ["broker", "sync", "--watch", "--pid", str(stack.mqtt.pid)]
    words += ["--file", str(stack.mqtt.password_file)]
    child = await Process.spawn(yanchen("broker", words, log, run.env))
    try:
        yield
    finally:
        await child.stop(within=10)
        await stack.mqtt.set_users([])


async def test_a_registered_device_may_publish_and_a_disabled_one_may_not(
    run: Commands, stack: Stack, tmp_path: Path
) -> None:
    async with watching(run, stack, tmp_path):
        code, (line,), _ = await run("devices", "add", "fume-1", "--site", "r1")
        assert code == 0
        first = line["mqtt_password"]
        assert await becomes(stack, "fume-1", first, "Success")
        assert await answer_of(stack, "fume-1", "wrong") == "Not authorized"

        _, (line,), _ = await run("devices", "rotate", "fume-1")
        assert await becomes(stack, "fume-1", line["mqtt_password"], "Success")
        assert await answer_of(stack, "fume-1", first) == "Not authorized"

        await run("devices", "disable", "fume-1")
        assert await becomes(stack, "fume-1", line["mqtt_password"], "Not authorized")
        assert [one["device"] for one in (await run("devices", "list", "--disabled"))[1]] == ["fume-1"]
        await run("devices", "enable", "fume-1")
        assert await becomes(stack, "fume-1", line["mqtt_password"], "Success")


async def test_a_disabled_device_is_cut_off(run: Commands, stack: Stack, tmp_path: Path) -> None:
    async with watching(run, stack, tmp_path):
        _, (line,), _ = await run("devices", "add", "fume-2", "--site", "r1")
        assert await becomes(stack, "fume-2", line["mqtt_password"], "Success")
        ended: list[str] = []
        client = mqtt.Client(CallbackAPIVersion.VERSION2, uuid.uuid4().hex, protocol=mqtt.MQTTv5)
        client.username_pw_set("fume-2", line["mqtt_password"])
        client.on_disconnect = lambda *args: ended.append(str(args[3]))
        client.connect(stack.endpoints.mqtt_host, stack.endpoints.mqtt_port)
        client.loop_start()
        try:
            assert await wait_until(lambda: asyncio.to_thread(client.is_connected), 10)
            await run("devices", "disable", "fume-2")
            assert await wait_until(lambda: asyncio.to_thread(lambda: bool(ended)), 20)
        finally:
            await asyncio.to_thread(client.disconnect)
            await asyncio.to_thread(client.loop_stop)


async def test_a_sync_keeps_the_services_and_what_it_is_told(
    run: Commands, stack: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "passwords"
    file.write_text("bridge:$6$mine\nleft:$7$x\n")
    issued = await run("devices", "import", tmp_path / "devices.csv", "--issue-passwords")
    assert [line["device"] for line in issued[1] if "mqtt_password" in line] == ["d1"]
    for _ in range(2):
        words = ["broker", "sync", "--file", file, "--keep", "bridge", "--reload", "true"]
        assert await run.apart(*words) == 0
    lines = dict(line.split(":", 1) for line in file.read_text().splitlines())
    assert set(lines) == {"bridge", "yanchen", "d1"}
    assert lines["bridge"] == "$6$mine"


async def test_the_embedded_broker_follows_the_register(
    run: Commands, stack: Stack, database_url: str
) -> None:
    async with accounts_kept(stack.mqtt, database_url):
        _, (line,), _ = await run("devices", "add", "fume-3", "--site", "r1", "--mqtt-password", "of-mine")
        assert "mqtt_password" not in line
        assert await becomes(stack, "fume-3", "of-mine", "Success")
    await stack.mqtt.set_users([])


async def test_unmapped_codes_are_listed(run: Commands, database_url: str, tmp_path: Path) -> None:
    await run("devices", "import", tmp_path / "devices.csv")
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO reports (point_id, at, received_at, raw)"
            " SELECT point_id, now() - n * interval '1 min', now(),"
            " jsonb_build_object('a34001-Rtd', '9', 'zz1-Rtd', n::text)"
            " FROM devices, generate_series(1, 3) n WHERE device = 'd2'"
        )
    code, (line,), _ = await run("devices", "unmapped")
    assert code == 0
    assert (line["device"], line["vendor"], line["code"], line["count"]) == ("d2", "ng", "ZZ1", 3)
    assert line["sample"] == "1"
    assert (await run("devices", "unmapped", "--device", "d1"))[1] == []
