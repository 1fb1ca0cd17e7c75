"""Laws of judging, against a second, slow implementation written from the design's words."""

import math
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.evaluation import Verdict
from domain.instant import CHINA, to_ms
from domain.report import Report
from domain.site import Site, SiteKind
from rules.engine import Engine
from rules.offline import evaluate
from rules.pack import standard_packs

PACKS = standard_packs()
NOON = datetime(2026, 11, 21, 12, tzinfo=CHINA)
HOUR_MS = 3_600_000
SITES = {
    "a": Site(site="a", kind=SiteKind.RESTAURANT, area="320602"),
    "b": Site(site="b", kind=SiteKind.RESTAURANT, area="500103"),
    "w": Site(site="w", kind=SiteKind.CONSTRUCTION, area="130102", sensitive=True),
}
# Factor → (limit by device, window in minutes)
FUME = {"a": 2.0, "b": 1.0}


def reports_of(draw_minutes: list[tuple[str, int, int, str]]) -> list[Report]:
    """(device, minute after noon, hundredths, flag) → reports with fume and noise."""
    return [
        Report(
            device,
            NOON + timedelta(minutes=minute),
            {"noise": hundredths / 10} if device == "w" else {"oil_fume": hundredths / 100},
            {} if flag == "N" else {"noise": flag, "oil_fume": flag},
        )
        for device, minute, hundredths, flag in draw_minutes
    ]


readings = st.tuples(
    st.sampled_from("abw"), st.integers(0, 100), st.integers(150, 900), st.sampled_from("NNNNNNNDT")
)
dense = st.lists(readings, min_size=1, max_size=250)


def slow(reports: list[Report]) -> dict[tuple[str, int], tuple[Verdict, float | None, int]]:
    """Judge one reading after the other in decimal arithmetic."""
    first: dict[tuple[str, int], tuple[float, str]] = {}
    for report in reports:
        ((name, value),) = report.readings.items()
        first.setdefault((report.device, to_ms(report.instant)), (value, report.flags.get(name, "N")))
    result: dict[tuple[str, int], tuple[Verdict, float | None, int]] = {}
    for device in {device for device, _ in first}:
        length = 20 if device == "w" else 10
        minute = {
            (at - to_ms(NOON)) // 60_000: reading for (name, at), reading in first.items() if name == device
        }
        for start in range(min(minute) // length * length, max(minute) // length * length + 1, length):
            values = [minute[m][0] for m in range(start, start + length) if minute.get(m, ("", ""))[1] == "N"]
            result[device, start] = _verdict(device, values, length)
    return result


def _verdict(device: str, values: list[float], length: int) -> tuple[Verdict, float | None, int]:
    if len(values) * 4 < length * 3:
        return Verdict.INVALID, None, len(values)
    if device == "w":
        figure = round(10 * math.log10(math.fsum(10 ** (value / 10) for value in values) / len(values)), 6)
        return (Verdict.EXCEED if figure > 70 else Verdict.PASS), figure, len(values)
    mean = sum(Decimal(str(value)) for value in values) / len(values)
    exact = mean.quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return (Verdict.EXCEED if mean > Decimal(str(FUME[device])) else Verdict.PASS), float(exact), len(values)


def judged(reports: list[Report]) -> dict[tuple[str, int], tuple[Verdict, float | None, int]]:
    found = evaluate(reports, SITES, [], PACKS)
    assert len({one.id for one in found}) == len(found)
    return {
        (one.device, (to_ms(one.window_start) - to_ms(NOON)) // 60_000): (one.verdict, one.value, one.n_valid)
        for one in found
    }


@given(dense)
def test_the_columns_agree_with_a_loop(drawn: list[tuple[str, int, int, str]]) -> None:
    reports = reports_of(drawn)
    slowly, quickly = slow(reports), judged(reports)
    assert quickly.keys() == slowly.keys()
    for key, (verdict, value, n_valid) in slowly.items():
        assert quickly[key][::2] == (verdict, n_valid)
        if value is None:
            assert quickly[key][1] is None
        else:
            assert quickly[key][1] is not None
            assert math.isclose(quickly[key][1] or 0.0, value, abs_tol=1.1e-6)


@given(st.lists(st.integers(-150, 150), min_size=3, max_size=9))
def test_a_mean_equal_to_the_limit_passes(parts: list[int]) -> None:
    """Two-decimal values whose true mean is 2.00, whatever a float sum makes of them."""
    offsets = [*parts, -sum(parts)]
    if not 8 <= len(offsets) <= 10 or abs(offsets[-1]) > 200:
        offsets = [*parts[:4], *(-part for part in parts[:4]), 0, 0]
    values = [(200 + offset) / 100 for offset in offsets]
    reports = [Report("a", NOON + timedelta(minutes=i), {"oil_fume": v}) for i, v in enumerate(values)]
    if len(values) >= 8:
        (found,) = evaluate(reports, SITES, [], PACKS)
        assert (found.verdict, found.value) == (Verdict.PASS, 2.0)


@settings(deadline=None)
@given(dense, st.randoms(use_true_random=False), st.integers(1, 40))
def test_batches_and_order_within_the_lateness_do_not_matter(drawn, random, size) -> None:
    """Shuffled, doubled and cut anyhow: the finals are those of the whole record, judged offline."""
    unique = {(device, minute): (device, minute, value, flag) for device, minute, value, flag in drawn}
    reports = reports_of(list(unique.values()))
    expected = {one.id: one for one in evaluate(reports, SITES, [], PACKS)}
    stream = reports + [report for report in reports if random.random() < 0.3]
    random.shuffle(stream)
    engine = Engine(PACKS, SITES, grace_ms=90_000, lateness_ms=6 * HOUR_MS)
    issued = []
    for start in range(0, len(stream), size):
        issued += engine.push(stream[start : start + size])
        if random.random() < 0.2:
            issued += engine.advance(0, to_ms(NOON) + random.randrange(0, 3 * HOUR_MS))
    issued += engine.finish()
    _check_histories(issued)
    finals = {one.id: one for one in issued if one.final}
    assert finals.keys() == expected.keys()
    for key, one in finals.items():
        want = expected[key]
        assert (one.verdict, one.value, one.n_valid, one.adjustments) == (
            want.verdict,
            want.value,
            want.n_valid,
            want.adjustments,
        )
    assert engine.late == {}


def _check_histories(issued) -> None:
    """Revisions rise by one from 1, the final one repeats the last and comes once, at the end."""
    histories: dict[object, list[tuple[int, bool]]] = {}
    for one in issued:
        histories.setdefault(one.id, []).append((one.revision, one.final))
    for history in histories.values():
        assert [final for _, final in history] == [False] * (len(history) - 1) + [True]
        provisional = [revision for revision, final in history if not final]
        assert provisional == list(range(1, len(provisional) + 1))
        assert history[-1][0] in {len(provisional), len(provisional) + 1}


@given(dense)
def test_time_zones_do_not_matter(drawn: list[tuple[str, int, int, str]]) -> None:
    local = reports_of(drawn)
    epoch = [Report(one.device, to_ms(one.instant), one.readings, one.flags) for one in local]
    assert evaluate(local, SITES, [], PACKS) == evaluate(epoch, SITES, [], PACKS)
