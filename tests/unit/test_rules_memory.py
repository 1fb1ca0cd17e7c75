"""What the engine remembers of closed windows: packed readings, findings in columns, revisions."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.evaluation import Verdict
from domain.site import Site, SiteKind
from rules.columns import Rows
from rules.judged import FINDING, NO_FIGURE, VERDICTS, Judged, Notes, together
from rules.limits import Book
from rules.pack import standard_packs
from rules.packed import packed
from rules.revision import revise
from rules.window import local_day, window

NAMES = [f"d{number}" for number in range(9)]
SITE = Site(site="r", kind=SiteKind.RESTAURANT, area="320602")
SPAN = window(1_795_000_200_000, 600_000)
((LIMIT, *_), *_) = Book(standard_packs()).holding(SITE, local_day(SPAN.start_ms)).values()

rows = st.lists(
    st.tuples(
        st.integers(0, 2**31 - 1), st.integers(0, 2**42), st.integers(-(10**12), 10**12), st.integers(0, 2)
    ),
    min_size=1,
)


def judged(*findings: tuple[int, float | None, int, int, Verdict], notes: dict[int, Notes] | None = None):
    """(device, figure, valid, expected, verdict) of each device, with revision 1."""
    table = np.zeros(len(findings), FINDING)
    for place, (device, figure, n_valid, n_expected, verdict) in enumerate(findings):
        micro = NO_FIGURE if figure is None else round(figure * 1e6)
        table[place] = (device, micro, n_valid, n_expected, VERDICTS.index(verdict), 1)
    return Judged(LIMIT, SPAN, table, notes or {})


def brief(one: Judged) -> list[tuple[str, float | None, int]]:
    return [(item.device, item.value, item.revision) for item in one.evaluations(NAMES, final=False)]


@given(rows)
def test_packing_loses_nothing(drawn: list[tuple[int, int, int, int]]) -> None:
    device, at, micro, flag = (np.array(column) for column in zip(*drawn, strict=True))
    whole = Rows(device.astype(np.int32), at.astype(np.int64), micro.astype(np.int64), flag.astype(np.uint8))
    again = packed(whole).unpacked()
    for name in ("device", "at", "micro", "flag"):
        before, after = getattr(whole, name), getattr(again, name)
        assert after.dtype == before.dtype
        assert after.tolist() == before.tolist()


@pytest.mark.parametrize(
    ("instants", "size"),
    [
        pytest.param([7_000 + 60_000 * minute for minute in range(10)], 1, id="a minute apart"),
        pytest.param([0, 59_000, 121_000, 540_000], 2, id="whole seconds"),
        pytest.param([0, 59_999, 121_002, 540_001], 4, id="any millisecond"),
    ],
)
def test_even_columns_take_little(instants: list[int], size: int) -> None:
    at = np.array(instants)
    zero = np.zeros(len(at), np.int64)
    column = packed(Rows(zero.astype(np.int32), at, zero, zero.astype(np.uint8))).columns[1]
    assert column.n.itemsize == size


def test_what_has_no_figure_is_told_so_and_notes_go_to_their_device() -> None:
    note = ({"kind": "saturated", "n": 2},)
    table = judged((3, 1.5, 10, 10, Verdict.PASS), (5, None, 2, 10, Verdict.INVALID), notes={5: note})
    first, second = table.evaluations(NAMES, final=True)
    assert (first.device, first.value, first.verdict, first.adjustments) == ("d3", 1.5, Verdict.PASS, ())
    assert (second.device, second.value, second.verdict) == ("d5", None, Verdict.INVALID)
    assert (second.adjustments, second.final, second.n_valid) == (note, True, 2)


def test_parts_are_sorted_by_device() -> None:
    parts = [judged((4, 1.0, 9, 10, Verdict.PASS)), judged((2, 3.0, 8, 10, Verdict.EXCEED))]
    assert brief(together(parts)) == [("d2", 3.0, 1), ("d4", 1.0, 1)]


def test_only_what_differs_gets_a_higher_revision_and_the_others_stay_remembered() -> None:
    last = judged(*((device, 1.0, 9, 10, Verdict.PASS) for device in (1, 2, 3)))
    fresh = judged(
        (2, 1.0, 9, 10, Verdict.PASS), (3, 1.1, 10, 10, Verdict.PASS), (4, 0.5, 9, 10, Verdict.PASS)
    )
    issue, remembered = revise(fresh, last, {}, NAMES, final=False)
    assert brief(issue) == [("d3", 1.1, 2), ("d4", 0.5, 1)]
    assert brief(remembered) == [("d1", 1.0, 1), ("d2", 1.0, 1), ("d3", 1.1, 2), ("d4", 0.5, 1)]


def test_a_note_that_comes_or_goes_is_a_difference() -> None:
    note: dict[int, Notes] = {1: ({"kind": "saturated", "n": 1},)}
    plain, noted = judged((1, 1.0, 9, 10, Verdict.PASS)), judged((1, 1.0, 9, 10, Verdict.PASS), notes=note)
    come = revise(noted, plain, {}, NAMES, final=False)
    assert brief(come.issue) == [("d1", 1.0, 2)]
    gone = revise(judged((1, 1.0, 9, 10, Verdict.PASS)), come.last, {}, NAMES, final=False)
    assert brief(gone.issue) == [("d1", 1.0, 3)]
    assert gone.last.notes == {}


def test_a_final_finding_is_handed_out_even_if_the_same_and_no_more_remembered() -> None:
    last = judged((1, 1.0, 9, 10, Verdict.PASS), (2, 1.0, 9, 10, Verdict.PASS))
    issue, remembered = revise(judged((1, 1.0, 9, 10, Verdict.PASS)), last, {}, NAMES, final=True)
    assert brief(issue) == [("d1", 1.0, 1)]
    assert brief(remembered) == [("d2", 1.0, 1)]


def test_what_was_recalled_as_final_stays_and_a_changed_clause_is_news() -> None:
    told = judged((1, 1.0, 9, 10, Verdict.PASS), (2, 1.0, 9, 10, Verdict.PASS), (3, 1.0, 9, 10, Verdict.PASS))
    one, two, three = told.evaluations(NAMES, final=False)
    known = [
        msgspec.structs.replace(one, final=True),
        msgspec.structs.replace(two, clause="as it was before", revision=4),
        three,
    ]
    recalled = {(item.device, item.standard, item.limit, SPAN.start_ms): item for item in known}
    issue, remembered = revise(told, None, recalled, NAMES, final=False)
    assert brief(issue) == [("d2", 1.0, 5)]
    assert brief(remembered) == [("d2", 1.0, 5), ("d3", 1.0, 1)]
