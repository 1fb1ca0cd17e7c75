"""``yanchen rejected list|show|replay``: what was refused, why, and its second way in."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from app.commands.span import parse_span
from app.lines import print_lines
from app.replay import Doors
from app.replay import replay as replay_letters
from domain.errors import ConfigError, Reason
from ingest.admission import Bounds
from ingest.intake import Intake
from runtime.database import open_pool
from runtime.kafka import open_producer
from runtime.quarantine import Filter, full_id, letter_id, newest_letters
from runtime.register import load_devices
from runtime.settings import load_settings

app: Final = typer.Typer(no_args_is_help=True, help="Dead letters: what was refused, and its second way in.")

_SHOWN: Final = 200

Device = Annotated[str | None, typer.Option(help="of this device only")]
Why = Annotated[Reason | None, typer.Option(help="refused for this reason only")]
Since = Annotated[str | None, typer.Option(help="how far back, by time of receipt, such as 3h")]


@app.command("list")
def list_(
    device: Device = None,
    reason: Why = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="so many at most, the newest")] = 100,
    replayed: Annotated[bool, typer.Option("--replayed", help="also what went through since")] = False,
) -> None:
    """Print dead letters, newest first."""
    found = _letters(_filter(device, reason, since), limit, replayed=replayed)
    print_lines(_short(row) for row in found)


@app.command()
def show(letter: Annotated[str, typer.Argument(metavar="ID", help="as list prints it")]) -> None:
    """Print one dead letter with all its bytes."""
    name = full_id(letter)
    found = _letters(Filter(ids=(name,)), 1, replayed=True)
    if not found:
        raise ConfigError(f"there is no dead letter {name}; see yanchen rejected list")
    (row,) = found
    more = {"origin": row["origin"], "source": row["source"], "factors": row["factors"]}
    more |= {"replayed_at": row["replayed_at"], "replayed_as": row["replayed_as"]}
    print_lines([_short(row) | more | {"payload": _text(bytes(row["payload"]))}])


@app.command()
def replay(
    letters: Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="these only")] = None,
    device: Device = None,
    reason: Why = None,
    since: Since = None,
) -> None:
    """Let refused messages in again, after their device was registered or its map mended.

    Exit code 0: all went through; 1: some are still refused, with the reason of now.
    """
    ids = tuple(full_id(letter) for letter in letters) if letters else None
    if ids is None and device is None and reason is None:
        raise typer.BadParameter("say which: IDs, --device or --reason")
    done, left = asyncio.run(_replay(_filter(device, reason, since, ids)))
    typer.echo(f"{done} dead letters went through, {left} are still refused", err=True)
    raise typer.Exit(1 if left else 0)


async def _replay(which: Filter) -> tuple[int, int]:
    settings = load_settings()
    counts = {True: 0, False: 0}
    async with open_pool(settings.database) as pool, open_producer(settings.kafka) as producer:
        doors = Doors(
            await load_devices(pool),
            Bounds(max_future=settings.ingest.max_future, max_age=settings.ingest.max_age),
            settings.ingest.max_payload,
        )
        async for line in replay_letters(pool, Intake(producer).publish, doors, which):
            print_lines([line])
            counts[line["replayed"]] += 1
    return counts[True], counts[False]


def _filter(
    device: str | None, reason: Reason | None, since: str | None, ids: tuple[str, ...] | None = None
) -> Filter:
    start = datetime.now(UTC) - parse_span(since) if since else None
    return Filter(device=device, reason=reason.value if reason else None, since=start, ids=ids)


def _letters(which: Filter, limit: int, *, replayed: bool) -> list[dict[str, Any]]:
    async def work() -> list[dict[str, Any]]:
        async with open_pool(load_settings().database) as pool:
            return await newest_letters(pool, which, limit, replayed=replayed)

    return asyncio.run(work())


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return dict(_items(row))


def _items(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "id", letter_id(row)
    for name in ("received_at", "device", "reason", "detail", "scope"):
        yield name, row[name]
    if row["replayed_at"] is not None:
        yield "replayed_at", row["replayed_at"]
    payload = bytes(row["payload"])
    yield "payload", _text(payload[:_SHOWN])
    yield "bytes", len(payload)


def _text(payload: bytes) -> str:
    """Bytes for people: what is no UTF-8 is shown by its hexadecimal figures, so that nothing is lost."""
    return payload.decode("utf-8", "backslashreplace")
