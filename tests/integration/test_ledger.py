"""The loss ledger against an account that plain Python keeps of the same history."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.cli import cli
from domain.codec import encode
from domain.errors import Reason, Unavailable
from domain.register import City, GridCell, GridLevel, Monitor, Place
from domain.report import RejectedMessage, Report, Source
from domain.site import Protocol, SiteKind
from domain.topics import READINGS, REJECTED
from ingest.make_up import Patience
from ingest.make_up_rounds import make_up_once
from ingest.writer import write
from runtime.database import Pool, open_pool, transaction
from runtime.kafka import Record
from runtime.ledger import (
    Account,
    By,
    bring_up_to_date,
    ledger_totals,
    read_gaps,
    read_ledger,
)
from runtime.migrations import migrate
from runtime.register import Register, import_city
from runtime.settings import Database

START = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
END = START + timedelta(days=2)
CITY = City(
    cells=(GridCell(code="320600", name="临江市", level=GridLevel.CITY),),
    places=(
        Place(
            site="r1",
            name="老街面馆",
            kind=SiteKind.RESTAURANT,
            area="320602",
            grid_code="320600",
            lon=120.8,
            lat=32.0,
        ),
    ),
    monitors=(
        Monitor(device="d1", site="r1"),
        Monitor(device="h1", site="r1", protocol=Protocol.HJ212),
    ),
)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    migrate(database_url)
    async with open_pool(Database(url=database_url)) as pool:
        await import_city(pool, CITY)
        await empty(pool)
        yield pool


async def empty(pool: Pool) -> None:
    async with transaction(pool) as connection:
        await connection.execute(
            "TRUNCATE readings, reports, ledger, rejected, stream_offsets, gaps, accounted, make_up_asked"
        )


@dataclass
class Feed:
    """Hands the writer reports and refusals, one batch a call."""

    pool: Pool
    register: Register
    offsets: Counter[str] = field(default_factory=Counter)

    async def give(self, topic: str, items: Iterable[Report | RejectedMessage]) -> None:
        begin = self.offsets[topic]
        records = [Record(0, offset, encode(item), offset) for offset, item in enumerate(items, begin)]
        self.offsets[topic] += len(records)
        if records:
            await write(self.pool, self.register, topic, {0: records})


async def feed_of(pool: Pool) -> Feed:
    register = Register(pool)
    await register.refresh()
    return Feed(pool, register)


def report(
    at: datetime, seq: int | None = None, delay: timedelta = timedelta(seconds=2), device: str = "d1"
) -> Report:
    return Report(
        device=device,
        at=at,
        readings={"oil_fume": 0.5},
        seq=seq,
        received_at=at + delay,
        source=Source.MQTT,
    )


def refusal(received_at: datetime, payload: bytes, device: str = "d1") -> RejectedMessage:
    return RejectedMessage(
        payload=payload,
        origin=f"yanchen/v1/{device}/readings",
        received_at=received_at,
        reason=Reason.INVALID_REPORT,
        detail="for the test",
        device=device,
        source=Source.MQTT,
    )


async def accounts(pool: Pool, by: By = By.HOUR, device: str | None = None) -> list[Account]:
    await bring_up_to_date(pool)
    return await read_ledger(pool, START - timedelta(days=2), END, by=by, device=device)


async def missing(pool: Pool) -> int:
    return sum(line.missing for line in await accounts(pool))


# Known histories -------------------------------------------------------------------------


async def test_a_gap_is_missing_in_the_hour_after_it_and_gone_when_the_backlog_comes(pool: Pool) -> None:
    feed = await feed_of(pool)
    numbers = [*range(100, 120), *range(140, 160)]  # 140 is measured at 05:10
    await feed.give(READINGS, [report(START + n * MINUTE, 100 + n) for n in (n - 100 for n in numbers)])
    found = {line.hour: line for line in await accounts(pool)}
    assert (found[START.replace(hour=5, minute=0)].missing, found[START.replace(minute=0)].missing) == (20, 0)
    backlog = [report(START + n * MINUTE, 100 + n, timedelta(hours=3)) for n in range(20, 40)]
    await feed.give(READINGS, backlog[:10])
    assert await missing(pool) == 10
    await feed.give(READINGS, backlog[10:])
    (total,) = await accounts(pool, By.ALL)
    assert (total.published, total.stored, total.missing, total.late) == (60, 60, 0, 20)


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (65_535, 0, 0),
        (65_534, 1, 2),
        (4_294_967_295, 2, 2),
        (7_000, 1, 0),  # a restart
        (7_000, 7_000, 0),
        (12, 1_763_700_000, 0),  # a device that counts in seconds from now on
        (12, 22, 9),
        (2_147_483_647, -2_147_483_648, 0),  # a signed counter wraps
        (2**53 - 1, 1 - 2**53, 0),
    ],
)
async def test_the_counter_wraps_restarts_and_jumps(pool: Pool, before: int, after: int, lost: int) -> None:
    feed = await feed_of(pool)
    await feed.give(READINGS, [report(START, before), report(START + MINUTE, after)])
    assert await missing(pool) == lost


async def test_refused_numbers_are_not_missing(pool: Pool) -> None:
    feed = await feed_of(pool)
    await feed.give(READINGS, [report(START, 1), report(START + 9 * MINUTE, 10)])
    letters = [
        refusal(START + MINUTE, b'{"at": "yesterday", "seq": 2, "readings": {}}'),
        refusal(START + MINUTE, b'{"at": "yesterday", "seq": 2, "readings": {}}'),  # delivered twice
        refusal(START + 5 * MINUTE, b'[{"seq": 3}, {"seq" : 4}, {"seq":5'),  # a backlog cut off
        refusal(START + 6 * MINUTE, b"\xff\x00"),
        refusal(START + 20 * MINUTE, b""),  # not of this gap
    ]
    await feed.give(REJECTED, letters)
    (total,) = await accounts(pool, By.ALL)
    assert (total.rejected, total.missing) == (5, 8 - 1 - 3 - 1)
    assert [gap.missing for gap in await read_gaps(pool, START)] == [3]


async def test_what_was_replayed_is_no_refusal_any_more(pool: Pool) -> None:
    feed = await feed_of(pool)
    await feed.give(READINGS, [report(START, 1), report(START + 4 * MINUTE, 5)])
    letters = [refusal(START + n * MINUTE, b'{"seq": %d}' % (n + 1)) for n in (1, 2)]
    await feed.give(REJECTED, [*letters, refusal(START + 3 * MINUTE, b"{")])
    (before,) = await accounts(pool, By.ALL)
    async with transaction(pool) as connection:
        await connection.execute("UPDATE rejected SET replayed_at = now() WHERE log_offset IN (0, 2)")
    await feed.give(READINGS, [report(START + n * MINUTE, n + 1) for n in (1, 3)])
    (after,) = await accounts(pool, By.ALL)
    told = [(line.published, line.stored, line.rejected, line.missing) for line in (before, after)]
    assert told == [(5, 2, 3, 0), (5, 4, 1, 0)]


async def test_a_device_without_numbers_is_counted_by_its_interval(pool: Pool) -> None:
    feed = await feed_of(pool)
    # 04:30 to 04:50, then silence until 07:10; seconds wander, and that loses nothing
    minutes = [*range(21), *range(160, 170)]
    jitter = [timedelta(seconds=7 * n % 19) for n in minutes]
    await feed.give(
        READINGS,
        [report(START + n * MINUTE + s, device="h1") for n, s in zip(minutes, jitter, strict=True)],
    )
    await feed.give(REJECTED, [refusal(START + 40 * MINUTE, b"##0101QN=", device="h1")])
    found = {line.hour.hour: line for line in await accounts(pool) if line.hour}
    assert {hour: line.missing for hour, line in found.items()} == {4: 9, 5: 59, 6: 60, 7: 10}
    assert all(line.estimated for line in found.values())
    (gap,) = await read_gaps(pool, START, Protocol.HJ212)
    assert (gap.missing, gap.estimated) == (138, True)
    assert await read_gaps(pool, START, Protocol.MQTT) == []


async def test_gaps_of_a_device_are_asked_for_until_they_are_filled(pool: Pool) -> None:
    feed = await feed_of(pool)
    now = datetime.now(UTC).replace(microsecond=0)
    minutes = [*range(120, 100, -1), *range(60, 40, -1)]
    await feed.give(READINGS, [report(now - n * MINUTE, device="h1") for n in minutes])
    wanted: list[tuple[str, datetime, datetime]] = []
    connected = False

    async def ask(device: str, start: datetime, end: datetime) -> None:
        if not connected:
            raise Unavailable("not connected")
        wanted.append((device, start, end))
        await feed.give(
            READINGS,
            [
                report(at, device=device, delay=now - at)
                for n in range(70, 101)
                if start <= (at := now - n * MINUTE) <= end
            ],
        )

    patience = Patience(span=timedelta(days=36_500), pause=timedelta(0), attempts=2)
    await make_up_once(pool, ask, patience)
    assert wanted == []
    connected = True
    for _ in range(5):  # nothing but the database ties the rounds together, as after a restart of ingest
        await make_up_once(pool, ask, patience)
    # the device has what is older than 70 min; the rest is asked for twice in all and then left as it is
    assert {(device, end) for device, _, end in wanted} == {("h1", now - timedelta(seconds=1) - 60 * MINUTE)}
    starts = Counter((now - start) // MINUTE for _, start, _ in wanted)
    assert starts == {100: 1, 69: 1}
    async with transaction(pool) as connection:
        await connection.execute("UPDATE make_up_asked SET end_at = end_at - interval '8 days'")
    await make_up_once(pool, ask, patience)
    async with transaction(pool) as connection:
        kept = await (await connection.execute("SELECT times FROM make_up_asked")).fetchall()
    assert [row["times"] for row in kept] == [1], "what lies out of reach is forgotten, and asked for anew"


async def test_what_has_not_changed_is_not_counted_again(pool: Pool) -> None:
    feed = await feed_of(pool)
    await feed.give(READINGS, [report(START + n * MINUTE, n) for n in range(90)])
    assert await bring_up_to_date(pool) == 2
    assert await bring_up_to_date(pool) == 0
    await feed.give(READINGS, [report(START + 90 * MINUTE, 90)])
    assert await bring_up_to_date(pool) == 1


async def test_the_totals_are_of_the_last_day(pool: Pool) -> None:
    feed = await feed_of(pool)
    now = datetime.now(UTC)
    await feed.give(READINGS, [report(now - 3 * MINUTE, 1), report(now - MINUTE, 3)])
    await feed.give(READINGS, [report(now - timedelta(days=2), 1)])
    totals = await ledger_totals(pool)
    assert (totals.published, totals.stored, totals.missing) == (3, 2, 1)


# Any history -----------------------------------------------------------------------------

REFUSED = ("refused", "unreadable", "refused late", "refused in ms")
FATES = ("stored", "stored", "stored", "lost", "late", "doubled", *REFUSED)


@dataclass(frozen=True)
class Sent:
    """A report that the device published, and what became of it."""

    at: datetime
    seq: int
    fate: str

    @property
    def here(self) -> bool:
        return self.fate in {"stored", "late", "doubled"}


@st.composite
def histories(draw: st.DrawFn) -> list[Sent]:
    """Runs of a counter; the first and last of each run are stored, since losses there leave no trace.

    A run ends by a restart below its end, or by the counter's wrap from 65 535 to 0.
    """
    sent: list[Sent] = []
    at = START
    for run in range(draw(st.integers(1, 4))):
        fates = ["stored", *draw(st.lists(st.sampled_from(FATES), max_size=25)), "stored"]
        wraps = run == 0 and draw(st.booleans())
        begins = st.integers(65_537 - len(fates), 65_535) if wraps else st.integers(0, 3)
        first = min(draw(begins), sent[-1].seq if sent else 65_535)
        for number, fate in enumerate(fates):
            at += MINUTE * draw(st.sampled_from((1, 1, 1, 7)))
            sent.append(Sent(at, (first + number) % 65_536, fate))
    return sent


def expected(sent: list[Sent]) -> dict[datetime, Counter[str]]:
    """The account as the device's diary gives it: hour → outcome → reports."""
    book: dict[datetime, Counter[str]] = {}
    for position, one in enumerate(sent):
        if one.here:
            hour = one.at
        elif one.fate == "lost":  # in the hour of the next one that is here
            hour = next(later.at for later in sent[position:] if later.here)
        else:
            hour = received(one)
        counts = book.setdefault(hour.replace(minute=0, second=0), Counter())
        counts["published"] += 2 if one.fate == "doubled" else 1
        counts["stored"] += one.here
        counts["late"] += one.fate == "late"
        counts["duplicate"] += one.fate == "doubled"
        counts["rejected"] += one.fate in REFUSED
        counts["missing"] += one.fate == "lost"
    return book


def received(one: Sent) -> datetime:
    return one.at + (timedelta(hours=26) if "late" in one.fate else timedelta(seconds=3))


async def play(feed: Feed, sent: list[Sent]) -> None:
    """Deliver as it came in: by time of receipt, in batches of five."""
    stored = sorted((one for one in sent if one.here), key=received)
    stored += [one for one in stored if one.fate == "doubled"]
    arrived = [report(one.at, one.seq, received(one) - one.at) for one in stored]
    for begin in range(0, len(arrived), 5):
        await feed.give(READINGS, arrived[begin : begin + 5])
        if begin % 15 == 0:
            await bring_up_to_date(feed.pool)  # whatever was known before must not matter
    await feed.give(REJECTED, [refusal(received(one), bytes_of(one)) for one in sent if one.fate in REFUSED])


def bytes_of(one: Sent) -> bytes:
    told = {
        "unreadable": "{",
        "refused": f'{{"at": "2026-13-41T00:00:00Z", "seq": {one.seq}}}',
        "refused late": f'{{"at": "{one.at.isoformat()}", "seq": {one.seq}, "readings": {{"x": 1}}}}',
        "refused in ms": f'{{"seq": {one.seq}, "at": {int(one.at.timestamp() * 1000)}}}',
    }
    return told[one.fate].encode()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sent=histories())
async def test_every_hour_adds_up_and_missing_is_what_was_lost(pool: Pool, sent: list[Sent]) -> None:
    await empty(pool)
    await play(await feed_of(pool), sent)
    found = {
        line.hour: {
            name: getattr(line, name)
            for name in ("published", "stored", "rejected", "duplicate", "missing", "late")
        }
        for line in await accounts(pool)
    }
    wanted = expected(sent)
    names = ("published", "stored", "rejected", "duplicate", "missing", "late")
    assert found == {hour: {name: counts[name] for name in names} for hour, counts in wanted.items()}


# The command line ------------------------------------------------------------------------


async def test_the_command_tells_lines_and_whether_something_is_missing(
    pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YANCHEN_DATABASE__URL", database_url)
    feed = await feed_of(pool)
    now = datetime.now(UTC)
    await feed.give(READINGS, [report(now - 2 * MINUTE, 1), report(now - MINUTE, 2)])

    async def run(*words: str):
        return await asyncio.to_thread(CliRunner().invoke, cli, ["ledger", *words])

    told = await run()
    assert told.exit_code == 0, told.output
    (line,) = [msgspec.json.decode(line) for line in told.stdout.splitlines()]
    assert (line["device"], line["published"], line["missing"]) == ("d1", 2, 0)
    assert (await run("--missing-only")).stdout == ""
    await feed.give(READINGS, [report(now, 9)])
    for words in (["--by", "hour", "--missing-only"], ["--by", "all", "--since", "1h"], ["--device", "d1"]):
        told = await run(*words)
        lines = [msgspec.json.decode(line) for line in told.stdout.splitlines()]
        assert (told.exit_code, sum(line["missing"] for line in lines)) == (1, 6), words
    assert (await run("--device", "h1")).exit_code == 0
    clocks = await asyncio.to_thread(CliRunner().invoke, cli, ["clocks", "--over", "1d"])
    assert (clocks.exit_code, clocks.stdout) == (0, "")
