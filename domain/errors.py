"""The error tree, by what the caller must do.

YanchenError
├── ConfigError      refuse to start: the message names file, key and remedy
├── Rejected         one message cannot be used: keep its bytes with the reason, go on
├── Unavailable      a neighbour (Kafka, broker, database, channel) is away: retry
└── Undeliverable    a channel said no for good: record it, do not retry
"""

from enum import StrEnum


class YanchenError(Exception):
    """The root of everything Yanchen raises on purpose."""


class ConfigError(YanchenError):
    """Settings, a pack or a register file are wrong; the service must not start."""


class Unavailable(YanchenError):  # noqa: N818 - it names a state of the neighbour, not a bug
    """A neighbour does not answer now; the same call may succeed later."""


class Undeliverable(YanchenError):  # noqa: N818
    """A channel refused a notice for good; trying again cannot help."""


class Reason(StrEnum):
    """Why a message, or one reading of it, ended in ``readings.rejected``."""

    EMPTY = "empty"  # nothing in the payload
    TOO_LARGE = "too_large"  # more bytes than a report can have
    MALFORMED_JSON = "malformed_json"  # not JSON
    INVALID_REPORT = "invalid_report"  # JSON, but not a report
    BAD_TOPIC = "bad_topic"  # an MQTT topic outside yanchen/v1/{device}/…
    NO_FRAME = "no_frame"  # no ## … && in the bytes
    INCOMPLETE = "incomplete"  # a frame that stops before its end
    BAD_LENGTH = "bad_length"  # the declared length fits no known way of counting
    BAD_CRC = "bad_crc"  # no known CRC rule matches
    MALFORMED_FRAME = "malformed_frame"  # framed, but the fields cannot be read
    NO_DEVICE = "no_device"  # MN missing or empty
    NO_TIME = "no_time"  # DataTime missing or unreadable
    NO_READINGS = "no_readings"  # nothing in it that is measured
    NOT_DATA = "not_data"  # an answer or a platform command where data is expected
    MISSING_PACKET = "missing_packet"  # one part of a split message never came
    UNKNOWN_DEVICE = "unknown_device"  # not in the register
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a reason code
    WRONG_DEVICE = "wrong_device"  # a device published below another's name
    FUTURE = "future"  # measured later than it was received
    TOO_OLD = "too_old"  # measured longer ago than the store reaches
    UNKNOWN_FACTOR = "unknown_factor"  # a factor that Yanchen does not know
    UNKNOWN_FLAG = "unknown_flag"  # a letter that HJ 212 does not define
    IMPLAUSIBLE = "implausible"  # outside the factor's plausible range, or not a number


class Rejected(YanchenError):  # noqa: N818
    """A message that cannot be used, with a reason code and a sentence for people.

    Args:
        reason: why, as a code that is counted.
        detail: a sentence that names the place and what was found there.
        device: the device it came from, where that is known.
    """

    def __init__(self, reason: Reason, detail: str, device: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.device = device
