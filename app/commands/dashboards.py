"""``yanchen dashboards build|check|push``: Grafana's dashboards from code."""

from pathlib import Path
from typing import Annotated, Final

import typer

from dashboards.grafana.files import stale, write
from dashboards.grafana.push import connect
from dashboards.grafana.push import push as push_to
from domain.errors import YanchenError

app: Final = typer.Typer(help="Grafana dashboards as code.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--folder", help="Where the dashboards' JSON is kept.")]
_FOLDER: Final = Path("deploy/grafana/dashboards")


@app.command()
def build(folder: Folder = _FOLDER) -> None:
    """Write the dashboards as JSON."""
    for path in write(folder):
        print(path)


@app.command()
def check(folder: Folder = _FOLDER) -> None:
    """Exit with 1 if a file is not what the code makes now."""
    changed = stale(folder)
    for path in changed:
        typer.echo(f"{path} is not current; run: yanchen dashboards build", err=True)
    raise typer.Exit(code=1 if changed else 0)


@app.command()
def push(
    url: Annotated[str, typer.Option(envvar="YANCHEN_GRAFANA_URL", help="Grafana's address.")],
    token: Annotated[str, typer.Option(envvar="YANCHEN_GRAFANA_TOKEN", help="A service account's token.")],
) -> None:
    """Send the dashboards to a running Grafana; what is there already stays."""
    try:
        done = push_to(connect(url, token))
    except YanchenError as error:
        typer.echo(f"yanchen dashboards push: {error}", err=True)
        raise typer.Exit(code=1) from error
    for title, changed in done.items():
        typer.echo(f"{title}: {'pushed' if changed else 'unchanged'}", err=True)
