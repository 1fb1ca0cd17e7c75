"""JSON reports as devices publish them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.codec import split_device_reports
from domain.errors import Reason, Rejected
from domain.instant import to_ms
from ingest.admission import Candidate
from ingest.json_report import candidate


def candidates(payload: bytes, device: str) -> list[Candidate]:
    return [candidate(text, device) for text in split_device_reports(payload)]


def test_the_documented_report() -> None:
    payload = b"""{"at": "2026-11-21T12:00:00+08:00", "seq": 4711,
        "readings": {"oil_fume": 0.82, "nmhc": 5.6}, "flags": {"nmhc": "D"}}"""
    (found,) = candidates(payload, "d1")
    assert found.device == "d1"
    assert to_ms(found.at) == 1_795_233_600_000
    assert found.readings == {"oil_fume": 0.82, "nmhc": 5.6}
    assert found.flags == {"nmhc": "D"}
    assert found.seq == 4711


def test_epoch_milliseconds_and_a_backlog() -> None:
    found = candidates(
        b'[{"at": 0, "readings": {"noise": 1}}, {"at": 60000, "readings": {"noise": 2}}]', "d1"
    )
    assert [to_ms(one.at) for one in found] == [0, 60_000]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"  \n", Reason.EMPTY),
        (b"[]", Reason.EMPTY),
        (b"{", Reason.MALFORMED_JSON),
        (b"\xff\xfe", Reason.MALFORMED_JSON),
        (b"7", Reason.INVALID_REPORT),
        (b'{"readings": {}}', Reason.INVALID_REPORT),
        (b'{"at": "2026-11-21T12:00:00", "readings": {}}', Reason.INVALID_REPORT),  # no time zone
        (b'{"at": -1, "readings": {}}', Reason.INVALID_REPORT),
        (b'{"at": 0, "readings": {"noise": "loud"}}', Reason.INVALID_REPORT),
        (b'{"at": 0, "readings": {}, "device": "d2"}', Reason.WRONG_DEVICE),
    ],
)
def test_what_is_no_report_is_refused_with_its_reason(payload: bytes, reason: Reason) -> None:
    with pytest.raises(Rejected) as refused:
        candidates(payload, "d1")
    assert refused.value.reason == reason
    assert refused.value.detail


@given(st.binary(max_size=200))
def test_any_bytes_give_candidates_or_a_reason(payload: bytes) -> None:
    try:
        candidates(payload, "d1")
    except Rejected as refused:
        assert refused.detail


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_any_json_gives_candidates_or_a_reason(document: object) -> None:
    try:
        candidates(msgspec.json.encode(document), "d1")
    except Rejected as refused:
        assert refused.detail


@pytest.mark.parametrize(
    "at", ["253402300799000", '"9999-12-31T23:59:59-12:00"', '"0001-01-01T00:00:00+14:00"']
)
def test_instants_at_the_edge_of_the_calendar(at: str):
    with pytest.raises(Rejected) as caught:
        candidates(f'{{"at": {at}, "readings": {{"noise": 50}}}}'.encode(), "d")
    assert caught.value.reason is Reason.INVALID_REPORT


def test_lists_in_lists_without_end():
    with pytest.raises(Rejected) as caught:
        candidates(b'{"x": ' + b"[" * 100_000, "d")
    assert caught.value.reason is Reason.MALFORMED_JSON
