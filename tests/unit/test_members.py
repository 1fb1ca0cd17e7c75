"""Who of several ingest processes subscribes to what."""

import pytest

from domain.topics import MQTT_ROOT
from ingest.members import client_id, subscription
from runtime.settings import Ingest, Settings

REPORTS = {f"{MQTT_ROOT}/+/readings", f"{MQTT_ROOT}/+/hj212"}
SHARED = {f"$share/yanchen-ingest/{name}" for name in REPORTS}
WILLS = {f"{MQTT_ROOT}/+/status"}


@pytest.mark.parametrize(
    ("member", "members", "wanted"),
    [
        (0, 1, REPORTS | WILLS),
        (0, 2, SHARED | WILLS),
        (1, 2, SHARED),
        (1, 1, set()),  # leaves
    ],
)
def test_the_filters_of_a_member(member: int, members: int, wanted: set[str]) -> None:
    found = subscription(member, members)
    assert set(found.wanted) == wanted
    assert set(found.unwanted) == (REPORTS | SHARED | WILLS) - wanted


def test_every_member_has_a_session_of_its_own_and_the_first_keeps_its_name() -> None:
    names = [client_id(Settings(ingest=Ingest(members=3, member=member))) for member in range(3)]
    assert names == ["yanchen-ingest", "yanchen-ingest-1", "yanchen-ingest-2"]
