"""What the platform answers: 9014 数据应答, and 9013 通知应答 (HJ 212-2017, 6.4 and annex C).

An answer says "I have it, never send it again". So it is made here, but written only when
Kafka has what the message became: the report, or the record of its refusal. There is no
negative answer for data; a frame whose checksum is wrong gets none at all.
"""

from typing import Final

from ingest.hj212.crc import checksum
from ingest.hj212.message import Message

_DATA_ANSWER: Final = "9014"
_NOTICE_ANSWER: Final = "9013"
_NOTICES: Final = frozenset({"1013", "9015"})  # a request for the time; the heartbeat of HJ 212-2025
RESULTS: Final = frozenset({"9011", "9012"})
"""What a device says to a command of ours."""

_ANSWERS: Final = RESULTS | {"9013", "9014", "9022"}

HOUSEKEEPING: Final = _NOTICES | {"9021"}
"""Commands that a device sends for the connection's sake; 9021 is a login of the days of 2005."""


def answer(message: Message) -> bytes | None:
    """The answer that a message waits for, or nothing if it waits for none."""
    if not message.ack_wanted or message.command in _ANSWERS:
        return None
    command = _NOTICE_ANSWER if message.command in _NOTICES else _DATA_ANSWER
    flag = 8 if message.protocol_version == "2025" else 4
    fields = message.fields
    qn = f"QN={fields['QN']};" if "QN" in fields else ""
    password = f"PW={fields['PW']};" if "PW" in fields else ""
    device = f"MN={fields['MN']};" if "MN" in fields else ""
    return enclose(f"{qn}ST=91;CN={command};{password}{device}Flag={flag};CP=&&&&".encode("latin-1"))


def enclose(data: bytes) -> bytes:
    """A frame around a data segment: ``##``, length, data, checksum, CR LF."""
    return b"##%04d%b%b\r\n" % (len(data), data, checksum(data))
