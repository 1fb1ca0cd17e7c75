"""Register files: every bad row is named, good ones are read the same from CSV, Excel and JSON."""

import io
import json
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError
from domain.register import GridCell, GridLevel, Monitor, Place, Role
from domain.site import Protocol, SiteKind
from runtime.register_check import Entry, Fault, Known, check
from runtime.register_columns import DEVICES, SITES, SQUADS, Table, read_table
from runtime.register_file import city_of, read_city
from simulators.city import build_city

KNOWN = Known(
    cells=frozenset({"320602001001"}),
    sites=frozenset({"r-001"}),
    vendors=("national", "ng", "hpa"),
    crc_rules=("standard", "modbus", "arc"),
    reserved=frozenset({"yanchen"}),
)
SITE_HEADINGS = [
    "场所编号",
    "单位名称",
    "类型",
    "行政区划代码",
    "网格编码",
    "经度（°）",
    "纬度（°）",
    "备注",
    "基准灶头数",
]
SITE_ROW: list[Any] = ["r-001", "老街面馆", "餐饮单位", 320602, "320602001001", 120.86, 32.01, "?", 3]


def csv_of(*rows: list[Any]) -> str:
    return "\r\n".join(
        ",".join(f'"{cell}"' if "," in str(cell) else str(cell) for cell in row) for row in rows
    )


def excel_of(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


def faults_of(table: Table, data: bytes, known: Known = KNOWN) -> tuple[list[Entry], list[Fault]]:
    rows = read_table(table, data, "file")
    good, faults = check(rows.entries, known)
    return good, rows.faults + faults


@pytest.mark.parametrize(
    "data",
    [
        csv_of(SITE_HEADINGS, SITE_ROW).encode("utf-8"),
        csv_of(SITE_HEADINGS, SITE_ROW).encode("utf-8-sig"),
        csv_of(SITE_HEADINGS, SITE_ROW).encode("gbk"),
        csv_of(SITE_HEADINGS, SITE_ROW).encode("utf-16"),
        csv_of(["临江市餐饮单位台账"], [], SITE_HEADINGS, SITE_ROW).encode("gbk"),
        csv_of(SITE_HEADINGS, SITE_ROW).replace(",", "\t").encode(),
        csv_of(SITE_HEADINGS, SITE_ROW).replace(",", ";").encode(),
        excel_of(SITE_HEADINGS, SITE_ROW),
        excel_of(["临江市餐饮单位台账"], SITE_HEADINGS, SITE_ROW, [None] * 9),
        csv_of(
            ["*Site ID", "name", "kind", "area_code", "grid", "lng", "latitude", "Base stoves"],
            [*SITE_ROW[:2], "Restaurant", *SITE_ROW[3:7], 3],
        ).encode(),
    ],
)
def test_a_sheet_in_every_dress(data: bytes):
    good, faults = faults_of(SITES, data)
    assert faults == []
    assert [entry.item for entry in good] == [
        Place(
            site="r-001",
            name="老街面馆",
            kind=SiteKind.RESTAURANT,
            area="320602",
            grid_code="320602001001",
            lon=120.86,
            lat=32.01,
            stoves=3,
        )
    ]


def test_every_bad_cell_is_named_with_row_column_and_remedy():
    data = csv_of(
        SITE_HEADINGS,
        SITE_ROW,
        ["r-002", "", "网吧", "32060", "x", "东经", 32, "", ""],
        ["r-003", "x", "工地", "320602", "320602001001", 200, 95, "", -1],
        ["r-001", *SITE_ROW[1:]],
        ["r-004", "too short"],
    ).encode("gbk")
    good, faults = faults_of(SITES, data)
    assert [entry.row for entry in good] == [2]
    assert [(fault.row, fault.column) for fault in faults] == [
        (3, "单位名称"),
        (3, "类型"),
        (3, "经度（°）"),
        (6, "类型"),
        (6, "行政区划代码"),
        (6, "网格编码"),
        (6, "经度（°）"),
        (6, "纬度（°）"),
        (4, "经度（°）"),
        (4, "纬度（°）"),
        (4, "基准灶头数"),
        (5, "场所编号"),
    ]
    assert all(fault.problem and fault.remedy for fault in faults)
    assert "row 5, 场所编号: 'r-001' stands at 2 already; keep one of the two" in map(str, faults)


def test_devices():
    data = csv_of(
        ["MN号", "场所编号", "协议", "上报间隔(秒)", "PW", "厂商映射", "型号", "MQTT密码"],
        ["010000A8900016F000169DC0", "r-001", "HJ/T 212", "", "123456", "ng+hpa", "X", ""],
        ["fume-001", "r-001", "MQTT", "30", "", "", "", "s3cret"],
        ["a/b", "r-9", "modbus", "1.5", "", "", "", ""],
        ["a/b", "r-9", "", "0", "", "nobody+ng", "", ""],
        ["8.8888E+20", "r-001", "", "", "", "", "", ""],
        ["yanchen", "r-001", "", "", "", "", "", ""],
    ).encode("utf-8-sig")
    good, faults = faults_of(DEVICES, data)
    assert [entry.item for entry in good] == [
        Monitor(
            device="010000A8900016F000169DC0",
            site="r-001",
            protocol=Protocol.HJ212,
            password="123456",
            vendor="ng+hpa",
            model="X",
        ),
        Monitor(device="fume-001", site="r-001", interval_s=30, mqtt_password="s3cret"),
    ]
    assert [(fault.row, fault.column) for fault in faults] == [
        (4, "协议"),
        (4, "上报间隔(秒)"),
        (5, "MN号"),
        (5, "场所编号"),
        (5, "上报间隔(秒)"),
        (5, "厂商映射"),
        (6, "MN号"),
        (7, "MN号"),
    ]
    assert "national, ng, hpa" in faults[5].remedy
    assert "rounded" in faults[6].problem


@pytest.mark.parametrize(
    ("cell", "rules"),
    [
        ("", None),
        ("modbus", ("modbus",)),
        ("Standard、modbus", ("standard", "modbus")),
        ("standard; arc +modbus", ("standard", "arc", "modbus")),
    ],
)
def test_checksum_rules_of_a_sheet(cell: str, rules: tuple[str, ...] | None):
    good, faults = faults_of(DEVICES, excel_of(["MN", "场所编号", "校验规则"], ["d1", "r-001", cell]))
    assert (faults, good[0].item) == ([], Monitor(device="d1", site="r-001", crc_rules=rules))


def test_a_checksum_rule_that_nobody_knows_is_named_with_those_that_are():
    _, (fault,) = faults_of(DEVICES, csv_of(["MN", "site", "CRC"], ["d1", "r-001", "standard;crc8"]).encode())
    assert (fault.row, fault.column, fault.problem) == (2, "CRC", "there is no checksum rule 'crc8'")
    assert fault.remedy.startswith("use some of standard, modbus, arc")
    data = json.dumps({"monitors": [{"device": "d1", "site": "r-001", "crc_rules": []}]}).encode()
    (empty,) = check(read_city(data, "city.json")[0], KNOWN)[1]
    assert (empty.row, empty.column, empty.problem) == ("monitors[0]", "crc_rules", "the list is empty")


def test_a_long_number_that_excel_has_rounded_is_refused():
    data = excel_of(["MN", "场所编号"], [88888888888888888888, "r-001"], ["88888888888888888888", "r-001"])
    good, faults = faults_of(DEVICES, data)
    assert [entry.row for entry in good] == [3]
    assert [fault.row for fault in faults] == [2]


def test_squads_and_what_a_sheet_may_leave_out():
    rows = read_table(SQUADS, csv_of(["编号", "中队", "网格"], ["east", "城东中队", "1"]).encode(), "f")
    assert rows.fields == {"squad", "name", "grid_code"}
    assert [entry.item.on_duty for entry in rows.entries] == [True]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no row of headings"),
        (b"a,b\n1,2\n", "no row of headings"),
        (b"MN,model\nd1,x\n", r"no column site \(场所编号\)"),
        ("MN,设备编号,site\n".encode(), "the same column"),
        (b'MN,site\n"d1,r\n', "no CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as .xlsx"),
        (b"PK\x03\x04rubbish", "no Excel workbook"),
        (b"\x00\x01\x02\x03", "neither Excel"),
        (b"\xff\xfe\x00", "neither Excel"),
    ],
)
def test_what_is_no_sheet_says_so(data: bytes, said: str):
    with pytest.raises(ConfigError, match=said):
        read_table(DEVICES, data, "file")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_sheet_or_an_error(data: bytes):
    try:
        read_table(DEVICES, b"MN,site\n" + data, "file")
    except ConfigError as error:
        assert "file" in str(error)


def test_a_citys_file_goes_by_the_same_rules():
    entries, faults = read_city(
        json.dumps(
            {
                "cells": [
                    {"code": "320602", "name": "区", "level": "district", "parent": "3206"},
                    {"code": "3206", "name": "市", "level": "city"},
                    {"code": "9", "name": "?", "level": "district", "parent": "8"},
                ],
                "places": [
                    {"site": "r", "name": "r", "kind": "restaurant", "area": "320602", "grid_code": "320602",
                     "lon": 1, "lat": 2},
                    {"site": "q", "name": "q", "kind": "restaurant", "area": "320602", "grid_code": "9",
                     "lon": 1, "lat": 2},
                ],
                "monitors": [
                    {"device": "d1", "site": "r"},
                    {"device": "d2", "site": "q"},
                    {"device": "d3", "site": "r", "protocol": "modbus"},
                    {"device": "d4", "site": "r", "vendor": "nobody"},
                    {"device": "d5"},
                ],
                "accounts": [{"username": "w", "password": "x", "name": "w", "role": "squad"}],
            }
        ).encode(),
        "city.json",
    )  # fmt: skip
    good, more = check(entries, KNOWN)
    assert [(fault.row, fault.column) for fault in faults + more] == [
        ("monitors[2]", "protocol"),
        ("monitors[4]", "monitors"),
        ("cells[2]", "parent"),
        ("places[1]", "grid_code"),
        ("monitors[1]", "site"),
        ("monitors[3]", "vendor"),
        ("accounts[0]", "squad"),
    ]
    city = city_of(good)
    assert [cell.code for cell in city.cells] == ["3206", "320602"]
    assert [monitor.device for monitor in city.monitors] == ["d1"]


@pytest.mark.parametrize("data", [b"", b"[]", b'{"cells": 1}', b'{"devices": []}', b"\xff{"])
def test_what_is_no_city_says_so(data: bytes):
    with pytest.raises(ConfigError, match=r"city\.json.*docs/register\.md"):
        read_city(data, "city.json")


def test_the_invented_city_keeps_the_rules():
    city = build_city(1)
    lists = [city.cells, city.squads, city.places, city.monitors, city.accounts]
    entries = [Entry(number, item) for number, item in enumerate(item for kind in lists for item in kind)]
    good, faults = check(entries, KNOWN)
    assert faults == []
    assert city_of(good).monitors == city.monitors
    assert {account.role for account in city.accounts} >= {Role.OPERATOR}


def test_an_id_is_wanted():
    (fault,) = check([Entry(1, GridCell(code="", name="", level=GridLevel.CITY))], KNOWN)[1]
    assert (fault.column, fault.problem) == ("code", "it is empty")
