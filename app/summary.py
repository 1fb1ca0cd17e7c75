"""The demo's account: what was published against what the database holds."""

from dataclasses import asdict, dataclass
from typing import Any

from runtime.database import Pool, transaction


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts in reports, but for the judged ones; every figure is read from the database or the publisher.

    ``missing`` counts the published good reports that are nowhere in the store, by device and
    measuring time: it is not computed from the other figures.
    """

    published: int
    stored: int
    rejected: dict[str, int]
    duplicates: int
    missing: int
    evaluations: dict[str, int]
    exceedances: int
    cases: int
    notices_delivered: int
    balanced: bool
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


async def accounted(pool: Pool) -> int:
    """How many published reports the store knows of: stored, refused or repeated."""
    query = "SELECT coalesce(sum(stored + duplicate + rejected), 0)::bigint AS n FROM ledger"
    async with transaction(pool) as connection:
        row = await (await connection.execute(query)).fetchone()
    return int(row["n"]) if row else 0


async def summarize(pool: Pool, published: int, identities: list[tuple[str, int]], seconds: float) -> Summary:
    """Read the account.

    Args:
        pool: the database.
        published: reports handed to the doors, repeats and broken ones too.
        identities: (device, measuring time in epoch ms) of each good one.
        seconds: how long it ran.
    """
    async with transaction(pool) as connection:

        async def rows(query: str) -> list[dict[str, Any]]:
            return await (await connection.execute(query)).fetchall()

        async def count(query: str) -> int:
            return int((await rows(query))[0]["n"])

        stored = await count("SELECT count(*) AS n FROM reports")
        kept = {
            (row["device"], row["ms"])
            for row in await rows(
                "SELECT d.device, round(extract(epoch FROM r.at) * 1000)::bigint AS ms"
                " FROM reports r JOIN devices d USING (point_id)"
            )
        }
        rejected = {
            row["reason"]: row["n"]
            for row in await rows(
                "SELECT reason, count(*) AS n FROM rejected WHERE scope = 'report' GROUP BY reason ORDER BY 1"
            )
        }
        duplicates = await count("SELECT coalesce(sum(duplicate), 0)::bigint AS n FROM ledger")
        evaluations = {
            row["verdict"]: row["n"]
            for row in await rows(
                "SELECT verdict, count(*) AS n FROM evaluations WHERE factor <> 'device'"
                " GROUP BY verdict ORDER BY verdict"
            )
        }
        cases = await count("SELECT count(*) AS n FROM cases")
        delivered = await count("SELECT count(*) AS n FROM notices WHERE state = 'delivered'")
    missing = len(set(identities) - kept)
    return Summary(
        published=published,
        stored=stored,
        rejected=rejected,
        duplicates=duplicates,
        missing=missing,
        evaluations=evaluations,
        exceedances=evaluations.get("exceed", 0),
        cases=cases,
        notices_delivered=delivered,
        balanced=published == stored + sum(rejected.values()) + duplicates + missing,
        seconds=round(seconds, 1),
    )


async def waiting_notices(pool: Pool) -> int:
    """How many notices have not met their channel yet."""
    query = "SELECT count(*) AS n FROM notices WHERE state IN ('pending', 'sending')"
    async with transaction(pool) as connection:
        row = await (await connection.execute(query)).fetchone()
    return int(row["n"]) if row else 0
