"""A platform under examination: plays a device that it knows, and looks at its answers.

The good frames carry readings that the platform stores: use a device made for the purpose.
"""

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from app.conformance.card import Card, Verdict
from app.conformance.platform_cases import ANSWER_ITEMS, Case, Sender, cases
from domain.errors import Rejected, Unavailable
from ingest.hj212.frame import Frame
from ingest.hj212.framer import Framer
from ingest.hj212.message import parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_READ_BYTES: Final = 65_536
_BETWEEN_PIECES_S: Final = 0.3
_SLOW_S: Final = 5.0
_DATA_ANSWER: Final = "9014"


class Heard(NamedTuple):
    """What a platform said to a case."""

    answers: list[tuple[Frame, float]]  # with the seconds that each took
    rubbish: list[str]
    closed: bool


async def examine_platform(
    host: str, port: int, device: str, password: str, patience_s: float = 10.0
) -> Card:
    """Try everything on one platform.

    Args:
        host: where it listens.
        port: where it listens.
        device: MN of a device that it knows.
        password: the device's PW.
        patience_s: how long an answer may take, and how long silence is waited for, seconds.

    Raises:
        Unavailable: nobody listens there.
    """
    tried = cases(Sender(device, password, datetime.now(UTC)))
    card = Card(f"{host}:{port}", [*(case.item for case in tried), *ANSWER_ITEMS])
    for case in tried:
        async with _connection(host, port) as (reader, writer):
            _judge(card, case, device, await _say(case, reader, writer, patience_s))
        if case.item == "answers_report" and card.failed:
            break  # it answers nothing, so its silence would mean nothing
    return card


@asynccontextmanager
async def _connection(
    host: str, port: int
) -> "AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]":
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        raise Unavailable(f"nobody listens at {host}:{port}: {error}") from error
    try:
        yield reader, writer
    finally:
        writer.close()


async def _say(
    case: Case, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience_s: float
) -> Heard:
    heard, framer = Heard([], [], closed=False), Framer()
    for number, piece in enumerate(case.pieces):
        if number:
            await asyncio.sleep(_BETWEEN_PIECES_S)  # so that they travel apart
        writer.write(piece)
    begin = time.monotonic()
    try:
        async with asyncio.timeout(patience_s if case.answered else min(patience_s, 3.0)):
            while len(heard.answers) < max(1, len(case.answered)):
                data = await reader.read(_READ_BYTES)
                took = time.monotonic() - begin
                for found in framer.feed(data) if data else framer.flush():
                    if isinstance(found, Frame):
                        heard.answers.append((found, took))
                    else:
                        heard.rubbish.append(found.detail)
                if not data:
                    return heard._replace(closed=True)
    except (TimeoutError, ConnectionError) as error:
        return heard._replace(closed=isinstance(error, ConnectionError))
    return heard


def _judge(card: Card, case: Case, device: str, heard: Heard) -> None:
    said = [_fields(frame) for frame, _ in heard.answers]
    qns = [fields.get("QN", "") for fields in said]
    told = "; ".join(f"CN={fields.get('CN')} QN={fields.get('QN')}" for fields in said) or "no answer"
    told += " and the connection was closed" if heard.closed else ""
    card.check(case.item, sorted(qns) == sorted(case.answered), told)
    for sentence in heard.rubbish:
        card.note("answer_envelope", Verdict.FAIL, sentence)
    for (frame, took), fields in zip(heard.answers, said, strict=True):
        _check_answer(card, frame, fields, device)
        card.check("answer_time", took <= _SLOW_S, f"{took:.1f} s", Verdict.WARN)


def _check_answer(card: Card, frame: Frame, fields: dict[str, str], device: str) -> None:
    told = f"length {frame.length_rule}, checksum {frame.crc.decode()} by rule {frame.crc_rule}"
    good = frame.length_rule == "exact" and frame.crc_rule == "standard"
    card.check("answer_envelope", good, told)
    wanted = {"ST": "91", "CN": _DATA_ANSWER, "MN": device}
    wrong = [f"{name}={fields.get(name)}" for name, value in wanted.items() if fields.get(name) != value]
    flag = fields.get("FLAG", "")
    if not flag.isdigit() or int(flag) & 1:
        wrong.append(f"Flag={flag}")
    card.check("answer_fields", not wrong, ", ".join(wrong))


def _fields(frame: Frame) -> dict[str, str]:
    try:
        return dict(parse(frame.data).fields)
    except Rejected:
        return {}
