"""The data source that every panel reads, and a query of it as the SDK wants one.

The SDK has no builder for PostgreSQL queries; this is the small part of one that we use.
"""

from dataclasses import dataclass
from typing import Final, Literal

from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from dashboards.queries import load

UID: Final = "yanchen-timescaledb"
TYPE: Final = "grafana-postgresql-datasource"
SOURCE: Final = DataSourceRef(type_val=TYPE, uid=UID)

Format = Literal["table", "time_series"]


@dataclass(frozen=True, slots=True)
class SqlQuery(variants.Dataquery):
    """One SQL query with Grafana's macros.

    Attributes:
        sql: the text.
        format: ``time_series`` wants a ``time`` column.
    """

    sql: str
    format: Format = "table"

    def to_json(self) -> dict[str, object]:
        """As Grafana's PostgreSQL source stores it."""
        return {
            "datasource": SOURCE.to_json(),
            "editorMode": "code",
            "format": self.format,
            "rawQuery": True,
            "rawSql": self.sql,
            "refId": "A",
        }


@dataclass(frozen=True, slots=True)
class Query(builder.Builder[SqlQuery]):
    """The SDK's builder of a query file.

    Attributes:
        name: file below ``dashboards/queries/grafana``.
        format: how Grafana reads the rows.
    """

    name: str
    format: Format = "table"

    def build(self) -> SqlQuery:
        """The query with the file's text."""
        return SqlQuery(load(f"grafana/{self.name}"), self.format)
