"""Routing, the ladder, the chain, what notices and cards say."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.casework import _EVENTS
from alerts.chain import GENESIS, Event, canonical, link, verify
from alerts.ladder import Step, due, following
from alerts.notice import Facts, Recipient, case_number, figure, notice_id, span, subject, write
from alerts.pages.cards import ACTIONS, buttons, card, line
from alerts.pages.render import TEXTS
from alerts.pages.trail import entries
from alerts.policy import Policy
from alerts.route import SUPERVISION, Post, responsible, superior
from alerts.store.cases import Case
from alerts.store.notices import NoticeState
from alerts.store.views import CaseView
from domain.case import OPEN_STATES, CaseState, Nuisance
from domain.episode import Episode, EpisodeState
from domain.instant import CHINA
from domain.register import GridLevel
from rules.health_pack import load_health
from runtime.settings import Alerts, Settings, Web
from runtime.texts import LANGS, Lang

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=CHINA)
TEN = timedelta(minutes=10)


def post(squad: str, cell: str, level: GridLevel, on_duty: bool = True) -> Post:
    return Post(squad=squad, name=squad, cell=cell, level=level, on_duty=on_duty)


STREET = post("street", "320602001", GridLevel.SUBDISTRICT)
DISTRICT = post("district", "320602", GridLevel.DISTRICT)
SECOND = post("second", "320602", GridLevel.DISTRICT)
TOWN = post("town", "3206", GridLevel.CITY)


def off(somebody: Post) -> Post:
    return replace(somebody, on_duty=False)


@pytest.mark.parametrize(
    ("way_up", "expected"),
    [
        ([STREET, DISTRICT], STREET),
        ([off(STREET), DISTRICT], DISTRICT),
        ([off(STREET), off(DISTRICT)], None),
        ([], None),
    ],
)
def test_the_nearest_squad_on_duty_is_responsible(way_up: list[Post], expected: Post | None) -> None:
    assert responsible(way_up) == expected


@pytest.mark.parametrize(
    ("way_up", "squad", "expected"),
    [
        ([STREET, DISTRICT, TOWN], "street", DISTRICT),
        ([STREET, off(DISTRICT), TOWN], "street", TOWN),
        ([STREET, DISTRICT, TOWN], "district", TOWN),
        ([DISTRICT, SECOND, TOWN], "district", TOWN),  # a squad of the same cell is no superior
        ([STREET], "street", None),
        ([DISTRICT, TOWN], None, DISTRICT),
    ],
)
def test_the_superior_stands_above_at_district_level(
    way_up: list[Post], squad: str | None, expected: Post | None
) -> None:
    assert superior(way_up, squad) == expected


def test_without_a_squad_supervision_is_told_on_the_page() -> None:
    assert Recipient.of(None) == Recipient(SUPERVISION, webhook=False)
    assert Recipient.of(replace(STREET, webhook_url="http://x")).channels == ("page", "webhook")


@pytest.mark.parametrize("state", CaseState)
def test_only_an_unanswered_case_is_escalated(state: CaseState) -> None:
    assert due(state, 0, Step.AGAIN) is (state in (CaseState.OPEN, CaseState.NOTIFIED))


def test_a_step_is_due_once_and_the_ladder_ends() -> None:
    assert not due(CaseState.NOTIFIED, 1, Step.AGAIN)
    assert due(CaseState.NOTIFIED, 1, Step.SUPERVISE)
    assert [following(step) for step in Step] == [Step.AGAIN, Step.SUPERVISE, None, None]


def chain(*details: dict[str, Any]) -> list[Event]:
    events: list[Event] = []
    for number, detail in enumerate(details):
        at = NOON.astimezone(UTC) + timedelta(microseconds=number)
        before = events[-1] if events else None
        events.append(link(before, case_id=7, at=at, kind="opened", actor="yanchen", detail=detail))
    return events


details = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text() | st.floats(-1e6, 1e6),
    max_size=4,
)


@given(st.lists(details, min_size=1, max_size=5))
def test_an_untouched_chain_is_whole(rows: list[dict[str, Any]]) -> None:
    assert verify(chain(*rows)) is None


@given(st.lists(details, min_size=1, max_size=5), st.data())
def test_any_changed_field_breaks_the_chain_there(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    events = chain(*rows)
    place = data.draw(st.integers(0, len(events) - 1))
    changed = data.draw(
        st.sampled_from(
            [
                {"actor": "somebody"},
                {"kind": "closed"},
                {"at": NOON + timedelta(microseconds=500)},
                {"case_id": 8},
                {"detail": {**events[place].detail, "new": 1}},
                {"hash": "f" * 64},
                {"prev_hash": "f" * 64},
            ]
        )
    )
    events[place] = replace(events[place], **changed)
    assert verify(events) == place + 1


def test_a_row_taken_out_or_put_in_is_found() -> None:
    events = chain({"a": 1}, {"a": 2}, {"a": 3})
    assert verify(events[:1] + events[2:]) == 2
    assert verify(events[1:]) == 1
    assert verify([events[0], *events]) == 2
    assert events[0].prev_hash == GENESIS


def test_one_spelling_whatever_the_store_makes_of_a_number() -> None:
    assert canonical({"b": 5.0, "a": 1e16, "c": 0.1}) == b'{"a":10000000000000000,"b":5,"c":0.1}'
    assert canonical({"at": NOON}) == b'{"at":"2026-11-21T04:00:00.000000+00:00"}'


FACTS = Facts(
    case_id=12,
    site_name="老王烧烤",
    address="人民中路 88 号",
    nuisance=Nuisance.FUME,
    first_offence=True,
    device="d7",
    factor="oil_fume",
    standard="GB 18483-2001",
    limit="oil_fume",
    clause="表 2",
    value=2.004,
    limit_value=2.0,
    unit="mg/m³",
    window_start=NOON,
    window_end=NOON + TEN,
)


def test_a_notice_of_a_fault_speaks_of_the_device_and_of_no_exceedance() -> None:
    fault = replace(
        FACTS,
        nuisance=Nuisance.DEVICE,
        factor="device",
        standard="yanchen/health",
        limit="purifier_off",
        value=10.0,
        limit_value=5.0,
        unit="min",
    )
    title, body = write(Step.FIRST, fault, "")
    assert title == "监测设备异常：老王烧烤，风机运行而净化器未开（YC-000012）"
    assert "异常：风机运行而净化器未开 10 min，阈值 5 min" in body
    for step in Step:
        for lang in LANGS:
            title, body = write(step, replace(fault, limit="of_the_city"), "", lang)
            assert "超标告知" not in title
            assert title
            assert body


def test_every_rule_of_health_that_ships_has_a_name() -> None:
    for rule in load_health().rule:
        for lang in LANGS:
            assert subject("device", rule.id, lang) != rule.id


def test_a_notice_says_what_where_when_by_which_standard_and_that_it_is_a_lead() -> None:
    title, body = write(Step.FIRST, FACTS, "https://yc.example/")
    assert title == "餐饮油烟超标告知：老王烧烤（YC-000012）"
    assert body.splitlines() == [
        "场所：老王烧烤（人民中路 88 号）",
        "超标：油烟 2.004 mg/m³，限值 2 mg/m³",
        "时段：11-21 12:00–12:10",
        "依据：GB 18483-2001，表 2",
        "设备：d7",
        "案件：YC-000012",
        "首违：本周期内首次，请先提醒、督促整改。",
        "说明：在线监测数据是线索，不是违法认定；认定须经现场检查和监测。",
        "签收与处理：https://yc.example/cases/12",
    ]


def test_what_is_missing_leaves_no_trace_in_the_text() -> None:
    bare = replace(FACTS, address="", clause="", first_offence=False)
    _, body = write(Step.FIRST, bare, "")
    assert "（" not in body.splitlines()[0]
    assert "首违" not in body
    assert "http" not in body
    assert "\n\n" not in body


@pytest.mark.parametrize("lang", get_args(Lang))
@pytest.mark.parametrize("step", Step)
def test_every_round_can_be_written_in_both_languages(step: Step, lang: Lang) -> None:
    title, body = write(step, FACTS, "https://yc.example", lang)
    assert "YC-000012" in title
    assert "{" not in title + body


@pytest.mark.parametrize(
    ("value", "beside", "text"),
    [
        (3.256, 2.0, "3.26"),
        (2.0, None, "2"),
        (2.004, 2.0, "2.004"),
        (2.00004, 2.0, "2.00004"),
        (2.0, 2.0, "2"),
        (70.0, 70.0, "70"),
        (-3.5, 80.0, "-3.5"),
        (100.0, None, "100"),
    ],
)
def test_a_figure_never_looks_equal_to_the_limit_that_it_exceeds(
    value: float, beside: float | None, text: str
) -> None:
    assert figure(value, beside) == text


def test_a_window_over_midnight_names_both_days() -> None:
    assert span(NOON, NOON + timedelta(hours=13)) == "11-21 12:00–11-22 01:00"
    assert case_number(1_234_567) == "YC-1234567"


def test_the_same_notice_has_the_same_key() -> None:
    key = notice_id(1, Step.FIRST, "a", "page")
    assert key == notice_id(1, Step.FIRST, "a", "page")
    assert len({key, notice_id(1, Step.AGAIN, "a", "page"), notice_id(1, Step.FIRST, "a", "webhook")}) == 3


EPISODE = Episode(
    episode_id=uuid.UUID(int=1),
    device="d7",
    standard="GB 18483-2001",
    limit="oil_fume",
    factor="oil_fume",
    state=EpisodeState.OPEN,
    started_at=NOON,
    ended_at=NOON + TEN,
    n_exceed=1,
    peak=3.25,
    limit_value=2.0,
    unit="mg/m³",
)


def view(state: CaseState, *episodes: Episode, step: int = 1) -> CaseView:
    case = Case(
        case_id=12,
        site="laowang",
        nuisance=Nuisance.FUME,
        state=state,
        squad="a",
        first_offence=False,
        occurred_at=NOON,
        opened_at=NOON,
        closed_at=None if state in OPEN_STATES else NOON + TEN,
        escalation=0,
    )
    return CaseView(
        case=case,
        site_name="老王烧烤",
        address="",
        squad_name="城东中队",
        step=step,
        told_at=NOON,
        episodes=episodes,
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (CaseState.OPEN, ["do_acknowledge"]),
        (CaseState.NOTIFIED, ["do_acknowledge"]),
        (CaseState.ACKNOWLEDGED, ["do_on_site"]),
        (CaseState.ON_SITE, ["do_rectified"]),
        (CaseState.RECTIFIED, ["do_close", "recheck_failed"]),
        (CaseState.CLOSED, []),
        (CaseState.WITHDRAWN, []),
    ],
)
def test_a_card_offers_what_its_state_allows(state: CaseState, expected: list[str]) -> None:
    found = buttons(state)
    assert [button.label for button in found] == expected
    assert all(button.path in ACTIONS for button in found)


def test_a_card_lists_three_exceedances_and_counts_the_rest() -> None:
    shown = card(view(CaseState.NOTIFIED, *[EPISODE] * 5), "zh")
    assert (len(shown.lines), shown.more, shown.running, shown.tone) == (3, 2, True, "urgent")


def test_a_withdrawn_exceedance_is_shown_only_where_nothing_else_is() -> None:
    gone = replace(EPISODE, state=EpisodeState.WITHDRAWN)
    assert [one.state for one in card(view(CaseState.WITHDRAWN, gone), "zh").lines] == ["withdrawn"]
    assert [one.state for one in card(view(CaseState.OPEN, EPISODE, gone), "zh").lines] == ["open"]


def test_the_reminder_is_shown_while_the_case_is_open() -> None:
    assert card(view(CaseState.NOTIFIED, EPISODE, step=3), "zh").reminder == 3
    assert card(view(CaseState.NOTIFIED, EPISODE, step=1), "zh").reminder is None
    assert card(view(CaseState.CLOSED, EPISODE, step=3), "zh").reminder is None


def test_a_line_speaks_both_languages() -> None:
    assert (line(EPISODE, "zh").factor, line(EPISODE, "en").factor) == ("油烟", "oil fume")


WRITTEN = {*_EVENTS.values(), "opened", "no_squad", "withdrawn", "correction_sent", "notified",
           "notice_failed", "notice_unknown", "escalated", "reassigned",
           *(action.value.value for action in ACTIONS.values())}  # fmt: skip


@pytest.mark.parametrize("lang", get_args(Lang))
def test_every_state_and_event_has_its_word(lang: Lang) -> None:
    keys = {f"state_{state}" for state in CaseState} | {f"event_{kind}" for kind in WRITTEN}
    keys |= {f"notice_{state}" for state in NoticeState} | {f"episode_{state}" for state in EpisodeState}
    keys |= {f"step_{int(step)}" for step in Step} | {f"do_{path}" for path in ACTIONS}
    assert keys <= set(TEXTS[lang])


def test_the_trail_names_people_and_squads() -> None:
    events = chain({"from": "notified", "to": "closed", "name": "张队", "note": "已清洗"},
                   {"step": 3, "recipient": SUPERVISION}, {"from": None, "to": "heping"})  # fmt: skip
    named = [
        replace(events[0], actor="zhang", kind="closed"),
        events[1],
        replace(events[2], kind="reassigned"),
    ]
    first, second, third = entries(named, {"heping": "和平桥中队"}, "zh")
    assert (first.who, first.what, first.remark, first.by_person) == ("张队", "结案", "已清洗", True)
    assert (second.who, second.remark) == ("系统", "督办 · 督办岗")
    assert third.remark == "— → 和平桥中队"


def test_the_policy_is_the_settings() -> None:
    settings = Settings(alerts=Alerts(clear_after=5), web=Web(public_url="https://yc.example"))
    policy = Policy.of(settings)
    assert (policy.rule.clear_after, policy.public_url) == (5, "https://yc.example")
    assert policy.escalate_after == timedelta(minutes=30)
