"""The door to a running Grafana, for one that is not provisioned from files."""

import json
from typing import Any, Final, Protocol

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException, GrafanaUnauthorizedError

from dashboards.grafana.files import texts
from domain.errors import ConfigError, Unavailable

_THEIRS: Final = ("id", "version")  # what Grafana itself writes into a stored dashboard


class Api(Protocol):
    """The two calls of Grafana that pushing needs (``GrafanaApi.dashboard``)."""

    def get_dashboard(self, dashboard_uid: str) -> Any:
        """A stored dashboard with its metadata."""

    def update_dashboard(self, dashboard: dict[str, Any]) -> Any:
        """Create or replace."""


def connect(url: str, token: str) -> Api:
    """Grafana's dashboard calls, with a service account's token."""
    api: Api = GrafanaApi.from_url(url, credential=token).dashboard
    return api


def push(api: Api) -> dict[str, bool]:
    """Make Grafana's dashboards what the code makes; doing it again changes nothing.

    Returns:
        Title → whether it had to be changed.

    Raises:
        ConfigError: Grafana refuses the token or the dashboard.
        Unavailable: Grafana does not answer.
    """
    try:
        ours = [json.loads(text) for text in texts().values()]
        return {dashboard["title"]: _push(api, dashboard) for dashboard in ours}
    except GrafanaUnauthorizedError as error:
        raise ConfigError(f"Grafana refuses the token: {error.message}; it needs the Editor role") from error
    except GrafanaClientError as error:
        raise ConfigError(f"Grafana refuses the dashboard ({error.status_code}): {error.message}") from error
    except (GrafanaException, OSError) as error:
        raise Unavailable(f"Grafana does not answer: {error}") from error


def _push(api: Api, dashboard: dict[str, Any]) -> bool:
    if _stored(api, dashboard["uid"]) == dashboard:
        return False
    message = "yanchen dashboards push"
    api.update_dashboard({"dashboard": dashboard, "overwrite": True, "message": message})
    return True


def _stored(api: Api, uid: str) -> dict[str, Any] | None:
    try:
        found = api.get_dashboard(uid)["dashboard"]
    except GrafanaClientError as error:
        if error.status_code == 404:
            return None
        raise
    return {key: value for key, value in found.items() if key not in _THEIRS}
