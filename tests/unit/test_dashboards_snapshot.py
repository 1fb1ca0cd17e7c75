"""What changed between two snapshots of the wall."""

import pytest

from dashboards.wall.snapshot import changes


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param({}, {"feed": [1]}, {"feed": [1]}, id="a section read for the first time"),
        pytest.param({"feed": [1]}, {"feed": [1]}, {}, id="nothing changed"),
        pytest.param({"feed": [1]}, {"feed": []}, {"feed": []}, id="a list is told whole"),
        pytest.param(
            {"status": {"a": "ok", "b": "ok"}},
            {"status": {"a": "ok", "b": "exceed"}},
            {"status": {"b": "exceed"}},
            id="of an object only what changed",
        ),
        pytest.param(
            {"status": {"a": "ok", "b": "ok"}},
            {"status": {"a": "ok"}},
            {"status": {"b": None}},
            id="a key that is gone is null",
        ),
        pytest.param({"status": {}}, {"status": {"a": "ok"}}, {"status": {"a": "ok"}}, id="from nothing"),
    ],
)
def test_changes(old: dict, new: dict, told: dict) -> None:
    assert changes(old, new) == told
