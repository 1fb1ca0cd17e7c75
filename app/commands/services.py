"""``yanchen ingest|writer|rules|alerts|web``: one service each, settings from the environment."""

import typer

from runtime.service import Main, run_service
from runtime.settings import Settings, load_settings

# Each service is imported when it is started: a service pays for its own libraries only.


def _run(name: str, main: Main) -> None:
    raise typer.Exit(run_service(name, main, load_settings()))


async def _alerts(settings: Settings) -> None:
    """Alerts with what the packs allow a day: packs are for rules to know, and this is the shell."""
    from alerts.service import run  # noqa: PLC0415
    from rules.pack import allowances, load_packs  # noqa: PLC0415

    await run(settings, allowances(load_packs([str(path) for path in settings.rules.packs])))


def ingest() -> None:
    """Devices → Kafka: the MQTT session and the HJ 212 gateway."""
    from ingest.service import run_ingest  # noqa: PLC0415

    _run("ingest", run_ingest)


def writer() -> None:
    """Kafka → TimescaleDB: readings, reports, dead letters, the ledger."""
    from ingest.service import run_writer_service  # noqa: PLC0415

    _run("writer", run_writer_service)


def rules() -> None:
    """Readings → evaluations."""
    from rules.service import run_rules  # noqa: PLC0415

    _run("rules", run_rules)


def alerts() -> None:
    """Evaluations → cases and notices."""
    _run("alerts", _alerts)


def web() -> None:
    """The wall and the squads' pages."""
    from app.web import run_web  # noqa: PLC0415

    _run("web", run_web)
