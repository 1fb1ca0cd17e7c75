"""Bytes ↔ what travels on Kafka: JSON lines that a person can read in any consumer."""

from typing import Any, Final

import msgspec

from domain.errors import Reason, Rejected
from domain.evaluation import Evaluation
from domain.report import DeviceReport, RejectedMessage, Report

_encoder: Final = msgspec.json.Encoder()
_report: Final = msgspec.json.Decoder(Report)
_device_report: Final = msgspec.json.Decoder(DeviceReport | list[DeviceReport])
_rejected: Final = msgspec.json.Decoder(RejectedMessage)
_evaluation: Final = msgspec.json.Decoder(Evaluation)


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


def decode_device_reports(data: bytes) -> list[DeviceReport]:
    """What a device published: one report, or a list of them for a backlog.

    Raises:
        Rejected: the bytes are empty, not JSON, or JSON but no report.
    """
    if not data.strip():
        raise Rejected(Reason.EMPTY, "the payload is empty")
    try:
        decoded = _device_report.decode(data)
    except msgspec.ValidationError as error:
        raise Rejected(Reason.INVALID_REPORT, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # the last: nested too deep
        raise Rejected(Reason.MALFORMED_JSON, str(error)) from error
    return decoded if isinstance(decoded, list) else [decoded]


def decode_rejected(data: bytes) -> RejectedMessage:
    """A record of ``readings.rejected`` (written by us; a failure is a bug)."""
    return _rejected.decode(data)


def decode_evaluation(data: bytes) -> Evaluation:
    """A record of ``evaluations`` (written by us; a failure is a bug)."""
    return _evaluation.decode(data)
