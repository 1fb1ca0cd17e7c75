import itertools

import pytest

from domain.case import (
    OPEN_STATES,
    TRANSITIONS,
    CaseState,
    IllegalTransition,
    Nuisance,
    check_transition,
    nuisance,
)

PAIRS = list(itertools.product(CaseState, CaseState))
LEGAL = {
    ("open", "notified"),
    ("open", "acknowledged"),
    ("open", "withdrawn"),
    ("notified", "acknowledged"),
    ("notified", "withdrawn"),
    ("acknowledged", "on_site"),
    ("acknowledged", "withdrawn"),
    ("on_site", "rectified"),
    ("on_site", "withdrawn"),
    ("rectified", "closed"),
    ("rectified", "on_site"),
    ("rectified", "withdrawn"),
}


@pytest.mark.parametrize(("current", "new"), PAIRS)
def test_every_pair_of_states_is_either_legal_or_refused_with_both_names(
    current: CaseState, new: CaseState
) -> None:
    if (current, new) in LEGAL:
        check_transition(current, new)
        return
    with pytest.raises(IllegalTransition, match=rf"{current} cannot become {new}"):
        check_transition(current, new)


def test_every_state_has_its_row_and_only_ended_ones_have_no_way_out() -> None:
    assert set(TRANSITIONS) == set(CaseState)
    assert {state for state in CaseState if not TRANSITIONS[state]} == set(CaseState) - OPEN_STATES


def test_every_open_case_can_be_withdrawn() -> None:
    assert all(CaseState.WITHDRAWN in TRANSITIONS[state] for state in OPEN_STATES)


@pytest.mark.parametrize(
    ("factor", "kind"),
    [("oil_fume", Nuisance.FUME), ("tsp", Nuisance.DUST), ("noise_max", Nuisance.NOISE)],
)
def test_a_factor_has_its_nuisance(factor: str, kind: Nuisance) -> None:
    assert nuisance(factor) is kind


def test_a_factor_without_limits_has_none() -> None:
    with pytest.raises(KeyError):
        nuisance("temperature")
