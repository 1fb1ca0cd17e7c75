"""Grafana's dashboards: the committed files are current, and every name they use resolves."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_client.client import GrafanaClientError, GrafanaTimeoutError, GrafanaUnauthorizedError

from dashboards.grafana.files import stale, texts, write
from dashboards.grafana.push import push
from dashboards.grafana.source import TYPE, UID
from domain.errors import ConfigError, Unavailable

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy" / "grafana"
DASHBOARDS = [json.loads(text) for text in texts().values()]
PANELS = [panel for board in DASHBOARDS for panel in board["panels"] if panel["type"] != "row"]


def provisioned(kind: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(
        (DEPLOY / "provisioning" / kind / "yanchen.yaml").read_text("utf-8")
    )
    return loaded


def test_the_committed_files_are_current() -> None:
    assert stale(DEPLOY / "dashboards") == [], "run: yanchen dashboards build"


def test_no_other_file_is_provisioned() -> None:
    assert {path.name for path in (DEPLOY / "dashboards").iterdir()} == set(texts())


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    assert {path.name for path in write(tmp_path)} == set(texts())
    assert write(tmp_path) == []


def test_every_panel_reads_the_provisioned_source() -> None:
    (source,) = provisioned("datasources")["datasources"]
    assert (source["uid"], source["type"]) == (UID, TYPE)
    for panel in PANELS:
        for target in panel["targets"]:
            assert target["datasource"] == {"uid": UID, "type": TYPE}


def test_the_provider_reads_the_folder_that_compose_mounts() -> None:
    (provider,) = provisioned("dashboards")["providers"]
    mounts = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]["grafana"][
        "volumes"
    ]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounts


def test_panels_have_ids_titles_and_places_of_their_own() -> None:
    for board in DASHBOARDS:
        ids = [panel["id"] for panel in board["panels"]]
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        assert len(set(places)) == len(places)
        assert all(panel["title"] for panel in board["panels"])


def test_every_query_file_is_used() -> None:
    used = {target["rawSql"] for panel in PANELS for target in panel["targets"]}
    used |= {variable["query"] for board in DASHBOARDS for variable in board["templating"]["list"]}
    files = (ROOT / "dashboards" / "queries" / "grafana").glob("*.sql")
    assert {path.read_text("utf-8").strip() for path in files} == used


class Grafana:
    """A Grafana that keeps what it is given, as the real one does."""

    def __init__(self, error: Exception | None = None) -> None:
        self.boards: dict[str, dict[str, Any]] = {}
        self.error = error

    def get_dashboard(self, dashboard_uid: str) -> Any:
        if self.error:
            raise self.error
        if dashboard_uid not in self.boards:
            raise GrafanaClientError(404, {}, "Dashboard not found")
        return {"dashboard": self.boards[dashboard_uid], "meta": {}}

    def update_dashboard(self, dashboard: dict[str, Any]) -> Any:
        given = dashboard["dashboard"]
        version = self.boards.get(given["uid"], {}).get("version", 0) + 1
        self.boards[given["uid"]] = given | {"id": 7, "version": version}


def test_pushing_twice_changes_nothing() -> None:
    grafana = Grafana()
    assert all(push(grafana).values())
    assert not any(push(grafana).values())


def test_pushing_mends_what_somebody_changed() -> None:
    grafana = Grafana()
    push(grafana)
    grafana.boards["yanchen-city"]["title"] = "mine"
    assert all(push(grafana).values())
    assert grafana.boards["yanchen-city"]["title"] != "mine"


@pytest.mark.parametrize(
    ("error", "raised", "word"),
    [
        (GrafanaUnauthorizedError("Invalid API key"), ConfigError, "token"),
        (GrafanaClientError(412, {}, "provisioned"), ConfigError, "412"),
        (GrafanaTimeoutError(0, None, "timed out"), Unavailable, "answer"),
        (ConnectionRefusedError("refused"), Unavailable, "answer"),
    ],
)
def test_pushing_says_what_is_wrong(error: Exception, raised: type[Exception], word: str) -> None:
    with pytest.raises(raised, match=word):
        push(Grafana(error))
