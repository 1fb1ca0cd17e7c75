"""The SQL that the walls run, one file a question.

``wall/`` runs on our own pool; ``grafana/`` carries Grafana's macros (``$__timeFilter`` …),
which Grafana's PostgreSQL source expands. Each file says what it returns and by which key
it stays fast with 2 000 devices and 30 days.
"""

from importlib.resources import files


def load(name: str) -> str:
    """The text of a query, such as ``wall/cases``."""
    return files(__package__).joinpath(f"{name}.sql").read_text("utf-8").strip()
