"""What was judged last of each device: a silence that a restart falls into is still judged as a gap."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from domain import health
from domain.evaluation import Evaluation
from domain.instant import to_ms
from rules.health_pack import HealthPack
from rules.pack import Pack
from runtime.database import Pool, transaction
from runtime.evaluations import evaluation_of

# One step down the primary key for each device and limit, however long its history is.
_LAST: Final = """
    SELECT last.* FROM devices
    CROSS JOIN unnest(%s::text[], %s::text[]) AS held (standard, limit_id)
    CROSS JOIN LATERAL (
        SELECT * FROM evaluations
        WHERE evaluations.device = devices.device AND evaluations.standard = held.standard
          AND evaluations.limit_id = held.limit_id
          AND window_start < %s AND window_start > %s - interval '31 days'
        ORDER BY window_start DESC LIMIT 1
    ) AS last
"""


async def last_judged(pool: Pool, packs: Sequence[Pack], before: datetime) -> list[Evaluation]:
    """The newest stored evaluation of each device and limit whose window starts before an instant.

    A silence of more than 31 days is not told as gaps.
    """
    # A city's night makes copies of a standard with the same limits (rules/city_file.py).
    held = {(pack.standard, limit.id) for pack in packs for limit in pack.limit}
    return await _last(pool, sorted(held), before)


async def last_told(pool: Pool, pack: HealthPack, before: datetime) -> list[Evaluation]:
    """The newest of each device and rule of health: a finding that is under way is seen to end."""
    return await _last(pool, [(health.STANDARD, rule.id) for rule in pack.rule], before)


async def last_heard(pool: Pool) -> dict[str, int]:
    """When the newest stored report of each device was measured, epoch ms."""
    query = "SELECT device, last_report_at FROM devices WHERE last_report_at IS NOT NULL"
    async with transaction(pool) as connection:
        rows = await (await connection.execute(query)).fetchall()
    return {row["device"]: to_ms(row["last_report_at"]) for row in rows}


async def _last(pool: Pool, held: Sequence[tuple[str, str]], before: datetime) -> list[Evaluation]:
    async with transaction(pool) as connection:
        found = await connection.execute(
            _LAST, ([standard for standard, _ in held], [limit for _, limit in held], before, before)
        )
        return [evaluation_of(row) for row in await found.fetchall()]
