"""The way from a grid cell up to the city, with the squads on it."""

from typing import Final

from alerts.route import Post
from domain.register import GridLevel
from runtime.database import Connection

# The depth ends the walk should a register ever hold a circle.
_WAY_UP: Final = """
    WITH RECURSIVE up AS (
        SELECT code, parent, level, 0 AS depth FROM grid_cells WHERE code = %s
        UNION ALL
        SELECT cell.code, cell.parent, cell.level, up.depth + 1
        FROM up JOIN grid_cells cell ON cell.code = up.parent WHERE up.depth < 16
    )
    SELECT s.squad, s.name, s.on_duty, s.webhook_url, up.code, up.level
    FROM up JOIN squads s ON s.grid_code = up.code
    ORDER BY up.depth, s.squad
"""


async def way_up(connection: Connection, grid_code: str) -> list[Post]:
    """The squads from a cell upwards, the nearest first."""
    found = await connection.execute(_WAY_UP, (grid_code,))
    return [
        Post(
            squad=row["squad"],
            name=row["name"],
            cell=row["code"],
            level=GridLevel(row["level"]),
            on_duty=row["on_duty"],
            webhook_url=row["webhook_url"],
        )
        for row in await found.fetchall()
    ]
