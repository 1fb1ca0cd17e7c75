"""What the platform asks of a device, and what the device says to that (HJ 212-2017, 6.5 and annex C).

A request is heard with 9011 请求应答 and done with 9012 执行结果; data that was asked for
comes in between, in frames like any other. No I/O here; ``ingest.commands`` sends and waits.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from domain.errors import ConfigError
from domain.instant import CHINA
from ingest.hj212.answer import enclose
from ingest.hj212.key import key
from ingest.hj212.message import Message

HEARD: Final = "9011"
TIME_WANTED: Final = "1013"
_ACCEPTED: Final = 1
_NO_DATA: Final = 100
_INTERVAL: Final = (timedelta(seconds=30), timedelta(seconds=3600))

_REFUSED: Final = {
    2: "it refuses the request",
    3: "it says that the PW is wrong",
    4: "it says that the MN is wrong",
    5: "it says that the ST is wrong",
    6: "it says that the Flag is wrong",
    7: "it says that the QN is wrong",
    8: "it does not know the command",
    9: "it says that the checksum is wrong",
}
_FAILED: Final = {
    3: "its condition does not allow it",
    4: "it ran out of time",
    5: "it is busy",
    6: "it has a fault",
}


class Ending(StrEnum):
    """How a request ended."""

    DONE = "done"
    NO_DATA = "no_data"  # done, and the device has nothing of that time
    REFUSED = "refused"  # QnRtn is not 1
    FAILED = "failed"  # ExeRtn is neither 1 nor 100
    SILENT = "silent"  # no answer, after all resends or within the time for the result
    AWAY = "away"  # not connected, or the connection ended


class Reply(msgspec.Struct, frozen=True):
    """What became of a request.

    Attributes:
        ending: how it ended.
        sentence: the same for people.
        frames: frames with data that came meanwhile from this device.
    """

    ending: Ending
    sentence: str
    frames: int = 0


class Request(msgspec.Struct, frozen=True):
    """A command and its parameters, for whichever device.

    Attributes:
        command: CN.
        parameters: what stands between ``CP=&&`` and ``&&``.
    """

    command: str
    parameters: str


class Addressee(msgspec.Struct, frozen=True):
    """A device as it names itself, which is how it wants to be spoken to.

    Attributes:
        device: MN, its bytes as characters (latin-1).
        system: ST 系统编码.
        password: PW.
        version: the version bits of its Flag.
    """

    device: str
    system: str
    password: str
    version: int

    @classmethod
    def of(cls, message: Message) -> "Addressee":
        """Who sent the message."""
        fields = message.fields
        return cls(fields.get("MN", ""), fields.get("ST", ""), fields.get("PW", ""), message.flag & ~3)

    def frame(self, request: Request, qn: str) -> bytes:
        """The request as bytes, asking for an answer (bit A)."""
        fields = {"QN": qn, "ST": self.system, "CN": request.command, "PW": self.password, "MN": self.device}
        head = "".join(f"{name}={text};" for name, text in fields.items() if text)
        return enclose(f"{head}Flag={self.version | 1};CP=&&{request.parameters}&&".encode("latin-1"))


def set_clock(now: datetime, instrument: str = "") -> Request:
    """1012 设置现场机时间.

    Args:
        now: the right time.
        instrument: PolId, if the device asked for one of its instruments (仪表) and not for itself.
    """
    asked = f"PolId={instrument};" if instrument else ""
    return Request("1012", f"{asked}SystemTime={_local(now)}")


def set_interval(every: timedelta) -> Request:
    """1062 设置实时数据间隔.

    Raises:
        ConfigError: it is not between 30 s and 3 600 s.
    """
    low, high = _INTERVAL
    if not low <= every <= high:
        raise ConfigError(f"RtdInterval is 30 to 3600 seconds (HJ 212-2017, table 6), not {every}")
    return Request("1062", f"RtdInterval={int(every.total_seconds())}")


def make_up(start: datetime, end: datetime, *, hours: bool = False) -> Request:
    """2051 取污染物分钟数据, or 2061 小时数据: what the device has stored of a time.

    Args:
        start: of the first interval.
        end: of the last interval.
        hours: hourly data.

    Raises:
        ConfigError: the end lies before the start.
    """
    if end < start:
        raise ConfigError(f"a make-up from {start} to {end} ends before it begins")
    return Request("2061" if hours else "2051", f"BeginTime={_local(start)},EndTime={_local(end)}")


def answered_qn(message: Message) -> str:
    """The QN of the request that a 9011 or 9012 answers; in 2005 it stood among the parameters."""
    return message.qn or _parameter(message, "QN")


def reply(message: Message) -> Reply | None:
    """What a 9011 or 9012 says of the request's end; nothing if it is heard and not done."""
    if message.command == HEARD:
        code = _integer(_parameter(message, "QNRTN"))
        if code == _ACCEPTED:
            return None
        return Reply(Ending.REFUSED, _REFUSED.get(code, f"it refuses the request: QnRtn={code}"))
    code = _integer(_parameter(message, "EXERTN"))
    if code == _ACCEPTED:
        return Reply(Ending.DONE, "done")
    if code == _NO_DATA:
        return Reply(Ending.NO_DATA, "it has no data of that time")
    return Reply(Ending.FAILED, _FAILED.get(code, f"it failed: ExeRtn={code}"))


def instrument(message: Message) -> str:
    """PolId of a 1013: the instrument whose clock it is; empty for the device itself."""
    return _parameter(message, "POLID")


def clock_error(message: Message, now: datetime) -> timedelta | None:
    """How far the device's clock is ahead, by the QN with which it sent; nothing if that tells no time."""
    try:
        sent = datetime.strptime(message.qn[:14], "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
    except ValueError:
        return None
    return sent - now


def _parameter(message: Message, code: str) -> str:
    for name, text in zip(message.names, message.texts, strict=True):
        if key(name).code == code:
            return text
    return ""


def _integer(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 5 else 0


def _local(at: datetime) -> str:
    return at.astimezone(CHINA).strftime("%Y%m%d%H%M%S")
