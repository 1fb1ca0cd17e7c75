"""Context series as cities send them: sheets, JSON lines, lists; each bad row with its remedy."""

from datetime import UTC, datetime

import pytest

from domain.errors import ConfigError
from domain.instant import to_ms
from runtime.context_file import Read, read_context

NOW = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)  # 14:30 in China
SERIES = {"city.pm10", "city.aqi"}
LINE = '{"series": "city.pm10", "area": "3206", "at": "2026-11-21T12:00:00+08:00", "value": 86}'


def read(text: str) -> Read:
    return read_context(text.encode(), "f", SERIES, NOW)


def test_a_sheet_in_chinese() -> None:
    found = read(
        "南通市空气质量小时值\n"
        "指标,行政区划代码,时间,数值(µg/m³),首要污染物\n"
        "PM10,3206,2026-11-21 12:00,86,\n"
        "AQI,3206,2026/11/21 12:00:00,215,PM10、PM2.5\n"
        "AQI,3206,2026-11-21T05:00Z,40,无\n"
    )
    assert found.faults == []
    pm10, aqi, clean = found.values
    assert (pm10.series, pm10.value, pm10.primary) == ("city.pm10", 86.0, None)
    assert pm10.at == datetime(2026, 11, 21, 4, tzinfo=UTC), "a sheet's time is China's"
    assert (aqi.series, aqi.primary) == ("city.aqi", ("PM10", "PM2.5"))
    assert (clean.at, clean.primary) == (datetime(2026, 11, 21, 5, tzinfo=UTC), None)


def test_json_lines_and_a_list_say_the_same() -> None:
    lines, listed = read(f"{LINE}\n\n{LINE}\n"), read(f"[{LINE},\n {LINE}]")
    assert len(lines.values) == 2
    assert lines == listed
    assert read("") == Read([], [])


def test_epoch_milliseconds_are_a_time_too() -> None:
    line = LINE.replace('"2026-11-21T12:00:00+08:00"', str(to_ms(datetime(2026, 11, 21, 4, tzinfo=UTC))))
    assert len(read(line).values) == 1


@pytest.mark.parametrize(
    ("old", "new", "column", "problem", "remedy"),
    [
        ("city.pm10", "city.pm01", "series", "city.pm01", "city.aqi, city.pm10"),
        ('"3206"', '"320"', "area", "administrative code", "3206"),
        ("12:00:00", "12:30:00", "at", "on the hour", "T14:00"),
        ("12:00:00+08:00", "12:00:00Z", "at", "to come", "zone"),
        ("12:00:00+08:00", "12:00:00", "", "timezone", "docs/context.md"),
        ("86", "-999", "value", "no figure", "leave a row without a figure out"),
        ("86", "20000", "value", "no figure", "10000"),
        ("86", '86, "primary": ["dust"]', "primary", "no pollutant", "pm25"),
        ("86", '"86"', "", "Expected `float`", "docs/context.md"),
        ("{", "{{", "", "malformed", "docs/context.md"),
    ],
)
def test_a_bad_line_is_named_with_its_remedy(
    old: str, new: str, column: str, problem: str, remedy: str
) -> None:
    found = read(f"{LINE}\n{LINE.replace(old, new, 1)}\n")
    assert len(found.values) == 1
    (fault,) = found.faults
    assert (fault.row, fault.column) == (2, column)
    assert problem in fault.problem
    assert remedy in fault.remedy


def test_every_bad_row_of_a_sheet_is_named() -> None:
    found = read(
        "指标,区划代码,时间,数值\n"
        "PM10,3206,noon,86\nPM10,3206,2026-11-21 12:00,-\nPM10,3206,2026-11-21 12:00,9\n"
    )
    assert [(fault.row, fault.column) for fault in found.faults] == [(2, "时间"), (3, "数值")]
    assert len(found.values) == 1


def test_a_list_that_is_none_is_one_fault() -> None:
    (fault,) = read(f"[{LINE},\n").faults
    assert fault.row == 1


def test_a_sheet_without_its_headings_is_refused() -> None:
    with pytest.raises(ConfigError, match="headings"):
        read("a,b\n1,2\n")
