"""The main job, on real servers and real processes, with plugs pulled in the middle.

A restaurant exceeds for half an hour; one squad has one notice; the acknowledgement is on the
wall; writer, rules and alerts are each killed with SIGKILL, and nothing is lost or doubled.
"""

import httpx
import pytest
from judged_log import newest
from town import BAD, DUST, GOOD, MINUTES, TOKEN, Squadron, Town, devices

from app.embedded.process import wait_until
from domain.site import Site, SiteKind
from rules.offline import evaluate
from rules.pack import load_packs

pytestmark = pytest.mark.timeout(240)


async def test_one_notice_acknowledged_and_nothing_lost_or_doubled(town: Town) -> None:
    plugs = {25: "writer", 35: "rules", 45: "alerts", 55: "rules", 65: "alerts", 75: "writer"}
    async with devices(town) as send:
        for minute in range(MINUTES):
            await send(minute)
            if minute in plugs:
                await town.fleet.kill(plugs[minute])
    assert await wait_until(lambda: stored(town), 60), "the writer did not store everything"
    assert await wait_until(town.at_rest, 60), "rules or alerts did not come to rest"
    await check_store(town)
    await check_evaluations(town)
    await check_one_notice(town)
    await check_acknowledgement(town)
    assert town.fleet.restarts == len(plugs)


async def stored(town: Town) -> bool:
    return bool((await town.rows("SELECT count(*) AS n FROM reports"))[0]["n"] == len(town.sent))


async def check_store(town: Town) -> None:
    """Every reading is there once, with its value, and the ledger closes."""
    kept = {
        (row["device"], row["at"], row["factor"]): row["value"]
        for row in await town.rows(
            "SELECT device, at, factor, value FROM readings JOIN devices USING (point_id)"
        )
    }
    sent = {
        (item.device, item.instant, factor): value
        for item in town.sent
        for factor, value in item.readings.items()
    }
    assert kept == sent
    (ledger,) = await town.rows(
        "SELECT sum(stored) AS s, sum(duplicate) AS d, sum(rejected) AS r FROM ledger"
    )
    assert (ledger["s"], ledger["d"], ledger["r"]) == (len(town.sent), 0, 0)


async def check_evaluations(town: Town) -> None:
    """What was judged online, through three kills, is what the whole log says."""
    sites = {
        device: Site(site=device, kind=SiteKind.RESTAURANT, area="320602") for device in [BAD, *GOOD]
    } | {DUST: Site(site=DUST, kind=SiteKind.CONSTRUCTION, area="320602")}
    whole = {
        item.id: (item.verdict, item.value, item.n_valid)
        for item in evaluate(town.sent, sites, [], load_packs())
    }
    online = {
        row["id"]: (row["verdict"], row["value"], row["n_valid"])
        for row in await town.rows(
            "SELECT id, verdict, value, n_valid FROM evaluations WHERE factor <> 'device'"
        )
    }
    assert online.items() <= whole.items()
    assert len(whole) - len(online) <= 2 * (len(GOOD) + 2), "only the last windows may still be open"
    assert await newest(town.kafka), "no revision went back"


async def check_one_notice(town: Town) -> None:
    """One case, one notice on each channel, one key at the squad's own system."""
    (case,) = await town.rows("SELECT site, nuisance, squad, first_offence FROM cases")
    assert (case["site"], case["nuisance"], case["squad"], case["first_offence"]) == (
        BAD,
        "fume",
        "wangjiang",
        True,
    )

    async def delivered() -> bool:
        return not await town.rows("SELECT 1 FROM notices WHERE state <> 'delivered'")

    assert await wait_until(delivered, 60)
    notices = await town.rows("SELECT channel FROM notices ORDER BY channel")
    assert [row["channel"] for row in notices] == ["page", "webhook"]
    assert len(Squadron.keys) == 1


async def check_acknowledgement(town: Town) -> None:
    """The squad's page shows the case once; its acknowledgement is on the wall with who and when."""
    async with httpx.AsyncClient(base_url=town.url, follow_redirects=True) as phone:
        await phone.post("/login", data={"username": "squad", "password": "pass-squad"})
        (card,) = (await phone.get("/squad/cases.json")).json()["cards"]
        pressed = await phone.post(
            f"/squad/cases/{card['id']}/acknowledge",
            headers={"Accept": "application/json", "Origin": town.url},
        )
        assert pressed.json() == {"ok": True, "message": ""}
    async with httpx.AsyncClient(base_url=town.url) as wall:
        await wall.get("/wall", params={"token": TOKEN})

        async def shown() -> bool:
            return "王队" in (await wall.get("/wall/state")).text

        assert await wait_until(shown, 15)
