"""Instants, topics, factors, evaluation ids, settings: small words with sharp edges."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.codec import decode_evaluation, decode_rejected, decode_report, encode
from domain.errors import ConfigError, Reason, Rejected
from domain.evaluation import Evaluation, Verdict
from domain.factors import FACTORS
from domain.instant import from_ms, iso, to_ms
from domain.report import RejectedMessage, Report
from domain.topics import Channel, mqtt_topic, parse_mqtt_topic
from runtime.settings import load_settings


@given(st.integers(0, 4_102_444_800_000))
def test_instants_go_both_ways_without_loss(ms: int) -> None:
    assert to_ms(from_ms(ms)) == ms


def test_instants_are_written_in_chinas_time() -> None:
    assert iso(datetime(2026, 11, 21, 4, 0, tzinfo=UTC)) == "2026-11-21T12:00:00+08:00"
    assert iso(datetime(2026, 11, 21, 4, 0, 0, 5000, tzinfo=UTC)) == "2026-11-21T12:00:00.005+08:00"


def test_topics_go_both_ways() -> None:
    assert parse_mqtt_topic(mqtt_topic("d1", Channel.HJ212)) == ("d1", Channel.HJ212)


@pytest.mark.parametrize(
    "topic",
    ["", "yanchen/v1/d1", "yanchen/v1//readings", "yanchen/v1/d1/nonsense", "x/yanchen/v1/d1/readings"],
)
def test_foreign_topics_are_refused(topic: str) -> None:
    with pytest.raises(Rejected) as refused:
        parse_mqtt_topic(topic)
    assert refused.value.reason is Reason.BAD_TOPIC


def test_factors_have_names_and_ranges() -> None:
    for name, factor in FACTORS.items():
        assert name == factor.id
        assert factor.zh
        assert factor.low < factor.high
        assert not factor.plausible(float("nan"))


def evaluation(**changes: object) -> Evaluation:
    fields: dict[str, object] = {
        "device": "d1", "standard": "GB 18483-2001", "limit": "oil_fume", "factor": "oil_fume",
        "window_start": from_ms(0), "window_end": from_ms(600_000), "statistic": "mean", "value": 2.1,
        "limit_value": 2.0, "unit": "mg/m³", "verdict": Verdict.EXCEED, "n_valid": 10, "n_expected": 10,
        "adjustments": (), "clause": "4.2", "revision": 1, "final": False,
    }  # fmt: skip
    return Evaluation(**(fields | changes))  # type: ignore[arg-type]


def test_an_evaluations_id_is_that_of_its_window_whatever_the_zone_or_revision() -> None:
    first = evaluation()
    assert first.id == evaluation(revision=5, final=True, verdict=Verdict.PASS).id
    assert first.id == evaluation(window_start=from_ms(0).astimezone(timezone(timedelta(hours=-3)))).id
    assert first.id != evaluation(window_start=from_ms(600_000)).id
    assert first.id != evaluation(device="d2").id
    assert first.id != evaluation(limit="nmhc").id


def test_what_travels_on_kafka_comes_back_equal() -> None:
    report = Report(device="烟1", at=from_ms(5), readings={"noise": 61.5}, flags={"noise": "T"}, seq=3)
    letter = RejectedMessage(
        payload=bytes(range(256)),
        origin="tcp://127.0.0.1:1",
        received_at=from_ms(1),
        reason=Reason.BAD_CRC,
        detail="x",
    )
    assert decode_report(encode(report)) == report
    assert decode_rejected(encode(letter)) == letter
    assert decode_evaluation(encode(evaluation())) == evaluation()


def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YANCHEN_WEB__PORT", "eighty")
    monkeypatch.setenv("YANCHEN_KAFKA__BOOTSTRAPP", "kafka:9092")
    with pytest.raises(ConfigError) as wrong:
        load_settings()
    assert "YANCHEN_WEB__PORT" in str(wrong.value)
    assert "YANCHEN_KAFKA__BOOTSTRAPP" in str(wrong.value)
