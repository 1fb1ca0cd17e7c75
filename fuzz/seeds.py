"""Good and odd inputs from which others are bred."""

import json
from pathlib import Path

from ingest.hj212.answer import enclose

_COLLECTED = Path(__file__).parents[2] / "shared" / "data" / "hj212_frames.jsonl"
_HEAD = "QN=20260101120000123;ST=39;CN=%s;PW=123456;MN=YC-%d;Flag=%d"
_DUST = (
    "DataTime=20260101120000;a34001-Rtd=92,a34001-Flag=N;a34002-Rtd=60.5,a34002-Flag=D;LA-Rtd=50.1,LA-Flag=N"
)
_FUME = (
    "DataTime=20260101120000;a34041-Rtd=0.82,a34041-Flag=N;a24088-Rtd=5.6;ga2101-RS=1;a01006-Rtd=1013;NOIS=N"
)
_MINUTE = "DataTime=20260101115900;a34001-Min=1,a34001-Avg=2,a34001-Max=3;Leq-Data=55;i11001-Info=//门;开//"


def frames() -> list[bytes]:
    """Frames of our own, and the collected ones where they lie beside the checkout."""
    own = [
        enclose(f"{_HEAD % (command, device, flag)};CP=&&{body}&&".encode())
        for command, device, flag, body in (
            ("2011", 1, 5, _DUST),
            ("2011", 2, 9, _DUST),
            ("2011", 3, 4, _FUME),
            ("2051", 1, 5, _MINUTE),
            ("2011", 1, 7, _DUST),
            ("9012", 1, 4, "ExeRtn=1"),
            ("1013", 1, 5, "PolId=a34001"),
            ("9015", 1, 9, ""),
        )
    ]
    parts = enclose(f"{_HEAD % ('2011', 1, 7)};PNUM=2;PNO=1;CP=&&{_DUST}&&".encode())
    if not _COLLECTED.exists():
        return [*own, parts]
    lines = _COLLECTED.read_text(encoding="utf-8").splitlines()
    return [*own, parts, *(json.loads(line)["frame"].encode() for line in lines)]


def payloads() -> list[bytes]:
    """JSON publications."""
    report = {
        "at": "2026-01-01T12:00:00+08:00",
        "seq": 4711,
        "readings": {"oil_fume": 0.82, "nmhc": 5.6, "fan_current": 3.1, "noise": 55},
        "flags": {"nmhc": "D"},
        "device": "YC-1",
    }
    variants = [report, report | {"at": 1767240000000}, [report, report], {"at": 0, "readings": {}}, []]
    return [json.dumps(one).encode() for one in variants]


TOKENS = (
    *(b"##", b"##0100", b"&&", b"CP=&&", b"=", b";", b",", b"-", b"\r\n", b"//", b"\0", b" ", b"\xff"),
    *(b"QN=", b"MN=YC-1", b"MN=", b"CN=2011", b"CN=2051", b"Flag=7", b"PNUM=2;PNO=2", b"DataTime="),
    *(b"99999999999999", b"20260101120000", b"1e999", b"-1", b"0.5", b"nan", b"-Rtd=", b"-Flag=", b"LA"),
    *(b"{", b"}", b"[", b"]", b'"', b":", b"null", b"true", b'"at":', b'"readings":', b'"flags":', b"1e400"),
    *(b"253402300799000", b"253402300799001", b'"9999-12-31T23:59:59-12:00"', b'"0001-01-01T00:00:00+14:00"'),
    *(b'"YC-2"', b'"noise"', b"\\ud800", b"\xe9\x97\xa8", b"\xc3\xc5", b"{0xE4,0x3E}"),
)
"""What the formats are made of."""
