"""The daily rates, read from ``device_days`` by device, site, grid cell or district.

A rate of many devices is the quotient of the sums of their counts, never a mean of their rates.
"""

from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from runtime.database import Pool, transaction


class By(StrEnum):
    """What a line of the rates stands for."""

    DEVICE = "device"
    SITE = "site"
    GRID = "grid"
    DISTRICT = "district"


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """The rates of a day (docs/rates.md); a rate is null where there is nothing to divide by.

    Attributes:
        day: the local day.
        id: of the device, site, grid cell or district.
        name: its name; of a device, that of its site.
        devices: devices that should report.
        online_rate: of these, the share with a report (在线率).
        complete_rate: reports stored ÷ reports due.
        exceed_rate: exceeding windows ÷ valid windows (超标率).
        purifier_rate: minutes with fan and purifier running ÷ minutes with the fan running (净化器开启率).
        linkage_rate: starts of the fan that the purifier followed ÷ all (联动率).
        expected: reports due.
        reported: reports stored of these.
        windows: valid windows.
        exceeding: exceeding windows.
        fan_minutes: minutes with the fan running and the purifier known.
        fan_starts: starts of the fan with the purifier known.
    """

    day: date
    id: str
    name: str
    devices: int
    online_rate: float | None
    complete_rate: float | None
    exceed_rate: float | None
    purifier_rate: float | None
    linkage_rate: float | None
    expected: int
    reported: int
    windows: int
    exceeding: int
    fan_minutes: int
    fan_starts: int


_PLACES: Final = {
    By.DEVICE: ("d.device", "s.name", ""),
    By.SITE: ("s.site", "s.name", ""),
    By.GRID: ("g.code", "g.name", "JOIN grid_cells g ON g.code = s.grid_code"),
    By.DISTRICT: ("u.code", "u.name", "JOIN up u ON u.cell = s.grid_code AND u.level = 'district'"),
}
_UP: Final = """
    WITH RECURSIVE up AS (
        SELECT code AS cell, code, name, level, parent FROM grid_cells
        UNION ALL
        SELECT up.cell, g.code, g.name, g.level, g.parent FROM up JOIN grid_cells g ON g.code = up.parent
    )
"""


def _quotient(part: str, whole: str) -> str:
    return f"round(sum({part})::numeric / nullif(sum({whole}), 0), 4)::float8"


async def read_rates(pool: Pool, day: date, by: By = By.SITE) -> list[Rates]:
    """The rates of a local day as they were counted last.

    Raises:
        Unavailable: the database is away.
    """
    key, name, joined = _PLACES[by]
    query = f"""
        {_UP}
        SELECT r.day, {key} AS id, {name} AS name, count(*) AS devices,
               {_quotient("(heard > 0)::int", "1")} AS online_rate,
               {_quotient("reported", "expected")} AS complete_rate,
               {_quotient("exceeding", "windows")} AS exceed_rate,
               {_quotient("purified_minutes", "fan_minutes")} AS purifier_rate,
               {_quotient("linked_starts", "fan_starts")} AS linkage_rate,
               sum(expected) AS expected, sum(reported) AS reported, sum(windows) AS windows,
               sum(exceeding) AS exceeding, sum(fan_minutes) AS fan_minutes, sum(fan_starts) AS fan_starts
        FROM device_days r JOIN devices d USING (device) JOIN sites s USING (site) {joined}
        WHERE r.day = %s GROUP BY 1, 2, 3 ORDER BY 2
    """  # noqa: S608 - the names are constants of this file
    async with transaction(pool) as connection:
        rows = await (await connection.execute(query.encode(), (day,))).fetchall()
    return [Rates(**row) for row in rows]
