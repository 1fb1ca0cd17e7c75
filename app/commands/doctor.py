"""``yanchen doctor``: what this machine has, what stands in, and what that costs."""

import typer
from rich.console import Console
from rich.table import Table

from app.embedded.doctor import examine


def doctor() -> None:
    """Look for the parts of the embedded stack; exit code 1 when one cannot be had."""
    findings = examine()
    table = Table("", "part", title="yanchen doctor")
    for name in ("found", "stands in", "cost"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        table.add_row(
            "[green]✓[/]" if finding.ok else "[red]✗[/]",
            finding.part,
            finding.found,
            finding.stands_in,
            finding.cost,
        )
    Console().print(table)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)
