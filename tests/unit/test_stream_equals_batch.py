"""Stream equals batch: whatever the order, the cuts, the crashes and the moves of partitions, and
whatever comes late, the last that is published of each window is what the whole log says.

The model does with engines, logs and the list of corrections what ``rules.service`` and
``rules.corrector`` do on Kafka and the database.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.context import ContextValue
from domain.evaluation import Evaluation
from domain.instant import CHINA, from_ms, to_ms
from domain.report import Report
from domain.site import Device, Site, SiteKind
from rules.correction import Spots, corrections, filled, spot_of, spots_of, unjudged
from rules.engine import Engine, Late
from rules.limits import Book
from rules.offline import evaluate
from rules.pack import standard_packs
from runtime.corrections import Due, Why, late

PACKS = standard_packs()
SERIES = Book(PACKS).series
NOON = datetime(2026, 11, 21, 12, tzinfo=CHINA)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
GRACE_MS: Final = 90_000
LATENESS_MS: Final = 40 * 60_000
LONGEST_MS: Final = 3_600_000
PARTITION = {"a": 0, "b": 1, "w": 2, "v": 3, "c": 0, "u": 2}
SITES = {
    "a": Site(site="a", kind=SiteKind.RESTAURANT, area="320602"),
    "b": Site(site="b", kind=SiteKind.RESTAURANT, area="500103"),
    "c": Site(site="c", kind=SiteKind.RESTAURANT, area="320602"),
    "w": Site(site="w", kind=SiteKind.CONSTRUCTION, area="320602", sensitive=True, interval_s=300),
    "v": Site(site="v", kind=SiteKind.CONSTRUCTION, area="130102", interval_s=600),
    "u": Site(site="u", kind=SiteKind.CONSTRUCTION, area="320602", interval_s=600),
}
REGISTER = [Device(device=name, point_id=1, site=site) for name, site in SITES.items()]


@dataclass
class Member:
    """A process of rules: its engine, and what it holds in memory."""

    engine: Engine = field(
        default_factory=lambda: Engine(PACKS, SITES, grace_ms=GRACE_MS, lateness_ms=LATENESS_MS)
    )
    heard: int = 0


@dataclass
class Model:
    """Kafka, the database, and some members that share four partitions."""

    clock: int = to_ms(NOON)
    members: list[Member] = field(default_factory=lambda: [Member()])
    owner: list[int] = field(default_factory=lambda: [0] * 4)
    log: list[list[Report]] = field(default_factory=lambda: [[] for _ in range(4)])
    published: list[list[tuple[int, Evaluation]]] = field(default_factory=lambda: [[] for _ in range(4)])
    saved: list[tuple[int, int | None]] = field(default_factory=lambda: [(0, None)] * 4)
    position: list[int] = field(default_factory=lambda: [0] * 4)
    context: list[ContextValue] = field(default_factory=list)
    dues: list[Due] = field(default_factory=list)

    def engine(self, partition: int) -> Engine:
        return self.members[self.owner[partition]].engine

    def append(self, report: Report) -> None:
        self.log[PARTITION[report.device]].append(report)

    def say(self, issued: list[Evaluation]) -> None:
        for one in issued:
            self.published[PARTITION[one.device]].append((self.clock, one))

    def take(self, partition: int, count: int, *, crash: bool = False) -> None:
        """Judge some records; a crash comes after they are published and before the place is kept.

        Not in the first batch of a partition's life: with no place kept the same is said again.
        """
        engine = self.engine(partition)
        start = self.position[partition]
        records = self.log[partition][start : start + count]
        self.say(engine.push(records, partition))
        if crash and self.saved[partition][1] is not None:
            engine.take_late()
            self.restart(partition)
            return
        self.ask(engine.take_late())
        self.position[partition] += len(records)
        self.keep_place(partition)

    def keep_place(self, partition: int) -> None:
        self.saved[partition] = (self.position[partition], self.engine(partition).watermark(partition))

    def ask(self, windows: list[Late]) -> None:
        self.dues += late(windows)

    def pass_time(self, partition: int) -> None:
        """Nobody reports in a partition that has been read to its end."""
        engine = self.engine(partition)
        if engine.watermark(partition) is None or self.position[partition] < len(self.log[partition]):
            return
        self.say(engine.advance(partition, self.clock - GRACE_MS))
        self.keep_place(partition)

    def hear(self, member: Member) -> None:
        """Take in context; what was heard before is heard again."""
        self.say(member.engine.context(self.context[max(0, member.heard - 1) :]))
        member.heard = len(self.context)

    def restart(self, partition: int) -> None:
        """The process dies with all its partitions, and begins again."""
        number = self.owner[partition]
        self.members[number] = Member()
        self.hear(self.members[number])
        for other in range(4):
            if self.owner[other] == number:
                self.assign(other, number)

    def scale(self, count: int) -> None:
        """More or fewer members: partitions move, each member forgets what it loses."""
        while len(self.members) < count:
            self.members.append(Member())
            self.hear(self.members[-1])
        for partition in range(4):
            wanted = partition % count
            if self.owner[partition] != wanted:
                self.engine(partition).forget(partition)
                self.assign(partition, wanted)
        del self.members[count:]

    def assign(self, partition: int, number: int) -> None:
        """As ``Bench.start_at``: rewind, recall, replay, and stand where the clock had moved it."""
        self.owner[partition] = number
        engine = self.engine(partition)
        engine.forget(partition)
        resume, watermark = self.saved[partition]
        self.position[partition] = resume
        if watermark is None:
            return
        changeable = watermark - LATENESS_MS
        engine.advance(partition, changeable)
        engine.recall(self.recalled(partition, changeable), partition)
        log = self.log[partition][:resume]
        first = next((n for n, one in enumerate(log) if _appended(one) >= changeable - LONGEST_MS), resume)
        engine.push(log[first:], partition)
        engine.take_late()
        self.say(engine.advance(partition, watermark))

    def recalled(self, partition: int, changeable: int) -> list[Evaluation]:
        older: dict[tuple[str, str], Evaluation] = {}
        for one in sorted(self.newest().values(), key=lambda one: one.window_start):
            if PARTITION[one.device] == partition and to_ms(one.window_start) < changeable:
                older[one.device, one.limit] = one
        said = [one for at, one in self.published[partition] if at >= changeable]
        return [*older.values(), *said]

    def newest(self) -> dict[object, Evaluation]:
        """As alerts stores them."""
        found: dict[object, Evaluation] = {}
        for _, one in (item for partition in self.published for item in partition):
            known = found.get(one.id)
            if known is None or (one.revision, one.final) > (known.revision, known.final):
                found[one.id] = one
        return found

    def correct(self) -> None:
        """As ``Corrector``: all readings and context are stored by now."""
        dues = self.dues + [
            Due(reason=Why.CONTEXT, area=one.area, series=one.series, since=one.at, until=one.at + HOUR)
            for one in self.context
            if isinstance(one.at, datetime)
        ]
        spots: Spots = {}
        for due in dues:
            for spot in spots_of(due, REGISTER, SERIES):
                spots.setdefault(spot, set()).add(due.reason)
        published = list(self.newest().values())
        for spot in unjudged(spots, published):
            later = [
                to_ms(one.window_start)
                for one in published
                if spot_of(one)[:2] == spot[:2] and to_ms(one.window_start) > spot.start_ms
            ]
            spots |= filled(spot, min(later)) if later else {}
        judged = evaluate(self.whole_log(), SITES, self.context, PACKS)
        for correction in corrections(judged, published, spots, ()):
            self.say([correction.evaluation])

    def whole_log(self) -> list[Report]:
        return [report for partition in self.log for report in partition]

    def finish(self) -> None:
        for partition in range(4):
            while self.position[partition] < len(self.log[partition]):
                self.take(partition, 1000)
        for member in self.members:
            self.hear(member)
            self.say(member.engine.finish())


def _appended(report: Report) -> int:
    assert report.received_at is not None
    return to_ms(report.received_at)


FACTORS = {"a": "oil_fume", "b": "oil_fume", "c": "oil_fume", "w": "noise", "v": "pm10", "u": "tsp"}
VALUES = {"oil_fume": (0.5, 3.0), "noise": (50.0, 90.0), "pm10": (50.0, 300.0), "tsp": (300.0, 800.0)}


def arrivals(random: Random, count: int, delays: list[int]) -> list[Report]:
    """Reports as they are received, each delayed by its own number of minutes; some come twice."""
    found = []
    for _ in range(count):
        device = random.choice(sorted(SITES))
        factor = FACTORS[device]
        at = NOON + random.randrange(120) * MINUTE
        value = round(random.uniform(*VALUES[factor]), 1)
        flags = {factor: "D"} if random.random() < 0.1 else {}
        found += [
            Report(device, at, {factor: value}, flags, received_at=at + delay * MINUTE)
            for delay in random.choices(delays, k=random.choice([1, 1, 1, 2]))
        ]
    return sorted(found, key=_appended)


def hours(random: Random) -> list[ContextValue]:
    found = []
    for hour in (NOON, NOON + HOUR):
        for area in ("3206", "13"):
            found.append(ContextValue("city.pm10", area, hour, float(random.randrange(200))))
            primary = random.choice([("pm10",), ("o3",), None])
            found.append(ContextValue("city.aqi", area, hour, float(random.randrange(150, 350)), primary))
    return random.sample(found, random.randrange(len(found) + 1))


def live(random: Random, reports: list[Report], context: list[tuple[int, ContextValue]]) -> Model:
    """Let reports and context come at their time, and let everything happen to the members."""
    model = Model()
    for report in reports:
        model.clock = max(model.clock, _appended(report))
        model.append(report)
        while context and context[0][0] <= model.clock:
            model.context.append(context.pop(0)[1])
            for member in model.members:
                model.hear(member)
        partition = PARTITION[report.device]
        happens = random.random()
        if happens < 0.5:
            model.take(partition, random.randrange(1, 30))
        elif happens < 0.6:
            model.take(partition, random.randrange(1, 30), crash=True)
        elif happens < 0.65:
            model.restart(partition)
        elif happens < 0.7:
            model.scale(random.choice([1, 2, 4]))
        elif happens < 0.8:
            for other in range(4):
                model.pass_time(other)
    model.scale(4)
    model.scale(1)
    model.finish()
    model.context += [value for _, value in context]
    return model


def check(model: Model) -> None:
    expected = {one.id: one for one in evaluate(model.whole_log(), SITES, model.context, PACKS)}
    found = model.newest()
    assert found.keys() == expected.keys()
    for key, one in found.items():
        assert replace(one, revision=1, final=True) == expected[key]
        assert one.final
    said = [(one.id, one.revision, one.final) for part in model.published for _, one in part]
    assert len(said) == len(set(said)), "nothing is said twice"


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32))
def test_within_the_lateness_the_engine_alone_is_enough(seed: int) -> None:
    random = Random(seed)
    context = [(to_ms(one.at + random.randrange(50) * MINUTE), one) for one in hours(random)]
    context.sort(key=lambda item: item[0])
    model = live(random, arrivals(random, random.randrange(1, 150), [0, 0, 1, 5, 30]), context)
    assert model.dues == []
    check(model)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32))
def test_however_late_readings_and_context_come_corrections_make_up_for_it(seed: int) -> None:
    random = Random(seed)
    context = [(to_ms(one.at + random.randrange(400) * MINUTE), one) for one in hours(random)]
    context.sort(key=lambda item: item[0])
    model = live(random, arrivals(random, random.randrange(1, 150), [0, 0, 0, 1, 90, 200]), context)
    model.correct()
    check(model)


@pytest.mark.parametrize("seed", range(3))
def test_correcting_again_says_nothing(seed: int) -> None:
    random = Random(seed)
    model = live(random, arrivals(random, 200, [0, 0, 1, 200]), [])
    model.context += hours(random)
    model.correct()
    said = [len(part) for part in model.published]
    assert any(model.dues)
    model.correct()
    assert [len(part) for part in model.published] == said
    assert from_ms(model.clock) > NOON
