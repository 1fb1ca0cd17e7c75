"""Codes that no vendor map knows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.unmapped import pick_unmapped

AT = datetime(2026, 11, 21, 4, tzinfo=UTC)


def row(key: str, vendor: str | None = None, count: int = 1, minute: int = 0) -> dict[str, Any]:
    seen = AT + timedelta(minutes=minute)
    return {"device": "d1", "vendor": vendor, "key": key, "count": count, "sample": "1", "last_seen": seen}


def test_known_codes_are_left_out_whatever_their_suffix():
    assert pick_unmapped([row("a34041-Rtd"), row("a34041-Max"), row("LA-td"), row("NOISE")]) == []


def test_flags_and_the_name_of_a_checksum_are_no_codes():
    assert pick_unmapped([row("zz9-Flag"), row("Flag"), row("crc_rule")]) == []


def test_a_code_is_told_once_with_its_newest_key():
    (line,) = pick_unmapped([row("zz9-Rtd", count=5), row("ZZ9-Avg", count=3, minute=1), row("zz9-Min")])
    assert (line["code"], line["key"], line["count"]) == ("ZZ9", "ZZ9-Avg", 5)


def test_each_devices_own_layers_count():
    assert [line["code"] for line in pick_unmapped([row("ga23-Rtd"), row("SB7-RS", "ga")])] == ["GA23", "SB7"]
    assert pick_unmapped([row("ga23-Rtd", "ga")]) == []


def test_keys_with_chinese_or_a_shield():
    assert [line["code"] for line in pick_unmapped([row("油烟"), row("x//y//-Rtd")])] == ["油烟", "X//Y//"]
