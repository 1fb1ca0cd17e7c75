"""Bytes ↔ what travels on Kafka: JSON lines that a person can read in any consumer."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from domain.errors import Reason, Rejected
from domain.evaluation import Evaluation
from domain.report import DeviceReport, RejectedMessage, Report

_encoder: Final = msgspec.json.Encoder()
_report: Final = msgspec.json.Decoder(Report)
_device_report: Final = msgspec.json.Decoder(DeviceReport)
_list: Final = msgspec.json.Decoder(list[msgspec.Raw])
_texts: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_number: Final = msgspec.json.Decoder(float)
_rejected: Final = msgspec.json.Decoder(RejectedMessage)
_evaluation: Final = msgspec.json.Decoder(Evaluation)

_BOM: Final = b"\xef\xbb\xbf"
_ALL_NUMBERS: Final[Mapping[str, str]] = {}


def encode(message: Report | RejectedMessage | Evaluation | dict[str, Any]) -> bytes:
    """One JSON object without a line end."""
    return _encoder.encode(message)


def decode_report(data: bytes) -> Report:
    """A report as on the ``readings`` topic.

    Raises:
        Rejected: the bytes are not JSON, or JSON but no report.
    """
    try:
        return _report.decode(data)
    except msgspec.ValidationError as error:
        raise Rejected(Reason.INVALID_REPORT, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # the last: nested too deep
        raise Rejected(Reason.MALFORMED_JSON, str(error)) from error


def split_device_reports(data: bytes) -> list[bytes]:
    """What a device published, each report as its own text: one, or those of a list for a backlog.

    A byte order mark in front is passed over.

    Raises:
        Rejected: the bytes are empty, or a list that is not JSON or empty.
    """
    text = data.removeprefix(_BOM).strip()
    if not text:
        raise Rejected(Reason.EMPTY, "the payload is empty")
    if not text.startswith(b"["):
        return [text]
    try:
        reports = [bytes(report) for report in _list.decode(text)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # the last: nested too deep
        raise Rejected(Reason.MALFORMED_JSON, str(error)) from error
    if not reports:
        raise Rejected(Reason.EMPTY, "the list holds no report")
    return reports


def decode_device_report(text: bytes) -> tuple[DeviceReport, Mapping[str, str]]:
    """A report as a device sends it, and its readings that are no numbers: factor → JSON text.

    Raises:
        Rejected: the text is not JSON, or JSON but no report, or none of its readings is a number.
    """
    try:
        return _device_report.decode(text), _ALL_NUMBERS
    except msgspec.ValidationError as error:
        return _without_what_is_no_number(text, error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # the last: nested too deep
        raise Rejected(Reason.MALFORMED_JSON, str(error)) from error


def _without_what_is_no_number(
    text: bytes, error: msgspec.ValidationError
) -> tuple[DeviceReport, Mapping[str, str]]:
    try:
        fields = _texts.decode(text)
        readings = _texts.decode(fields.get("readings", b"{}"))
        strange = {name: bytes(raw).decode() for name, raw in readings.items() if not _is_number(raw)}
        if not strange:
            raise error  # the trouble lies elsewhere
        numbers = {name: raw for name, raw in readings.items() if name not in strange}
        rest = _device_report.decode(_encoder.encode({**fields, "readings": numbers}))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        reason = (
            Reason.INVALID_REPORT if isinstance(wrong, msgspec.ValidationError) else Reason.MALFORMED_JSON
        )
        raise Rejected(reason, str(wrong)) from wrong
    if not numbers:
        told = ", ".join(f"{name} = {shown}" for name, shown in strange.items())
        raise Rejected(Reason.INVALID_REPORT, f"none of the readings is a number: {told[:200]}")
    return rest, strange


def _is_number(raw: msgspec.Raw) -> bool:
    try:
        _number.decode(raw)
    except msgspec.ValidationError:
        return False
    return True


def decode_rejected(data: bytes) -> RejectedMessage:
    """A record of ``readings.rejected`` (written by us; a failure is a bug)."""
    return _rejected.decode(data)


def decode_evaluation(data: bytes) -> Evaluation:
    """A record of ``evaluations`` (written by us; a failure is a bug)."""
    return _evaluation.decode(data)
