"""The command line: ``yanchen``. Each command is a module of ``app.commands``."""

import sys

import typer

from app.commands import (
    asyncapi,
    backtest,
    broker,
    calendar,
    clocks,
    conformance,
    context,
    dashboards,
    decode,
    demo,
    demo_city,
    devices,
    doctor,
    evaluate,
    ledger,
    migrate,
    packs,
    rates,
    register,
    rejected,
    services,
    settings,
    sheets,
    simulate,
    up,
)
from domain.errors import YanchenError

cli = typer.Typer(
    name="yanchen",
    help="烟尘 Yanchen: watches the cooking fumes, dust and noise of a city.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.command()(demo.demo)
cli.command("demo-city")(demo_city.demo_city)
cli.command()(up.up)
cli.command()(services.ingest)
cli.command()(services.writer)
cli.command()(services.rules)
cli.command()(services.alerts)
cli.command()(services.web)
cli.command()(migrate.migrate)
cli.command()(doctor.doctor)
cli.command()(decode.decode)
cli.command()(evaluate.evaluate)
cli.command()(backtest.backtest)
cli.command()(simulate.simulate)
cli.command()(settings.settings)
cli.command()(ledger.ledger)
cli.command()(clocks.clocks)
cli.command()(rates.rates)
cli.command()(asyncapi.asyncapi)
cli.command()(conformance.conformance)
cli.add_typer(register.app, name="register")
cli.add_typer(devices.app, name="devices")
cli.add_typer(context.app, name="context")
cli.add_typer(calendar.app, name="calendar")
cli.add_typer(packs.app, name="packs")
cli.add_typer(rejected.app, name="rejected")
cli.add_typer(broker.app, name="broker")
cli.add_typer(sheets.sites, name="sites")
cli.add_typer(sheets.squads, name="squads")
cli.add_typer(dashboards.app, name="dashboards")


def main() -> None:
    """Run the command; what Yanchen refuses on purpose is one sentence, not a traceback."""
    try:
        cli()
    except YanchenError as error:
        print(f"yanchen: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
