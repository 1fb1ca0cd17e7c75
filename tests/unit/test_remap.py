"""What a stored report tells by a map that was mended since."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.remap import further, told
from domain.errors import ConfigError, Reason
from domain.report import Source
from domain.site import Device, Protocol, Site, SiteKind
from ingest.admission import Admitted, Bounds, Inbound
from ingest.hj212.answer import enclose
from ingest.hj212.door import to_admitted

AT = datetime(2026, 1, 1, 4, tzinfo=UTC)  # 12:00 in China
SITE = Site(site="r1", kind=SiteKind.RESTAURANT, area="320602")
D1 = Device(device="d1", point_id=1, site=SITE, protocol=Protocol.HJ212)
GA = replace(D1, vendor="ga")


def kept(body: str, *stored: str, command: str = "2011") -> dict[str, Any]:
    """A report as the store has it, by way of the door."""
    head = f"QN=1;ST=31;CN={command};MN=d1;Flag=4"
    payload = enclose(f"{head};CP=&&DataTime=20260101120000;{body}&&".encode())
    received = Inbound(payload=payload, origin="tcp://1:1", received_at=AT, source=Source.HJ212)
    (report,) = to_admitted(payload, received, {"d1": D1}, Bounds()).reports
    assert set(report.readings) == set(stored)
    return {
        "at": AT,
        "received_at": AT + timedelta(seconds=2),
        "source": "hj212",
        "raw": report.raw,
        "stored": stored,
    }


def test_only_what_is_not_stored_is_told():
    (report,) = further(kept("a24088-Rtd=5;ga23-Rtd=0.8;ga25-Rtd=9", "nmhc"), GA, Bounds()).reports
    assert (report.device, report.instant, report.readings) == ("d1", AT, {"oil_fume": 0.8})
    assert (report.received_at, report.source) == (AT + timedelta(seconds=2), Source.HJ212)


def test_a_flag_came_with_it():
    (report,) = further(kept("LA-Rtd=50;ga23-Rtd=0,ga23-Flag=D", "noise"), GA, Bounds()).reports
    assert report.flags == {"oil_fume": "D"}


def test_minutes_tell_their_mean():
    body = "LA-Avg=50;ga23-Min=0.1,ga23-Avg=0.8,ga23-Max=3"
    (report,) = further(kept(body, "noise", command="2051"), GA, Bounds()).reports
    assert report.readings == {"oil_fume": 0.8}


@pytest.mark.parametrize("body", ["LA-Rtd=50", "LA-Rtd=50;zz1-Rtd=1"])
def test_what_nobody_knows_yet_is_left(body: str):
    assert further(kept(body, "noise"), GA, Bounds()) == Admitted()


def test_an_impossible_value_is_refused_and_told():
    refused = further(kept("LA-Rtd=50;ga23-Rtd=9000", "noise"), GA, Bounds())
    text = further(kept("LA-Rtd=50;ga23-Rtd=none", "noise"), GA, Bounds())
    good = further(kept("LA-Rtd=50;ga23-Rtd=1", "noise"), GA, Bounds())
    assert refused.reports == text.reports == ()
    first, last = told(GA, [refused, good, text, good])
    assert (first["refused"], first["reason"]) == (2, Reason.IMPLAUSIBLE.value)
    assert last == {"device": "d1", "factor": "oil_fume", "added": 2, "first": AT, "last": AT}


def test_a_vendor_that_is_no_map_is_said():
    with pytest.raises(ConfigError, match="nobody"):
        further(kept("LA-Rtd=50", "noise"), replace(D1, vendor="nobody"), Bounds())
