"""``yanchen evaluate``: judge a record of reports offline, without a server (design §8)."""

import sys
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import wrap_file

from app.sites_file import read_sites
from domain import codec
from domain.calendar import CalendarEntry
from domain.context import ContextValue
from domain.errors import ConfigError, Reason, Rejected
from domain.evaluation import Evaluation
from domain.factors import FACTORS
from domain.instant import to_ms
from domain.report import Report
from domain.site import Site
from rules.context import usable
from rules.offline import judge_all, patient_engine
from rules.pack import load_packs
from runtime.calendar_file import read_calendar

_EARLIEST_MS: Final = 946_684_800_000  # the year 2000
_LATEST_MS: Final = 4_102_444_800_000  # the year 2100

_context: Final = msgspec.json.Decoder(ContextValue)


@dataclass(slots=True)
class Complaints:
    """Messages on standard error; those that are problems decide the exit code."""

    problems: int = 0
    _said: set[str] = field(default_factory=set)

    def problem(self, sentence: str) -> None:
        """One error line, said once."""
        if self._say(f"error: {sentence}"):
            self.problems += 1

    def note(self, sentence: str) -> None:
        """One line that changes nothing, said once."""
        self._say(f"note: {sentence}")

    def _say(self, line: str) -> bool:
        fresh = line not in self._said
        if fresh:
            self._said.add(line)
            print(line, file=sys.stderr)
        return fresh


def evaluate(
    reports: Annotated[
        str, typer.Argument(help="Reports as JSON lines, as on the readings topic; - is stdin.")
    ],
    site: Annotated[
        str | None, typer.Option("--site", "--sites", help="JSON object: device → kind, area, sensitive, …")
    ] = None,
    context: Annotated[
        str | None, typer.Option("--context", help="JSON lines of the city's hours: city.pm10, city.aqi.")
    ] = None,
    calendar: Annotated[
        str | None, typer.Option("--calendar", help="Sheet of exams, permits, festivals (docs/context.md).")
    ] = None,
    packs: Annotated[
        list[str] | None,
        typer.Option(
            "--packs",
            help="Pack or city file, folder, or an optional pack's name; beside the standard ones.",
        ),
    ] = None,
) -> None:
    """Judge reports against the limits that hold; one JSON line per evaluation.

    Exit code 0: done, exceedances or not; 1: something could not be judged; 2: wrong use.
    """
    complaints = Complaints()
    try:
        evaluations = _judge(reports, site, (context, calendar), packs or [], complaints)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    for evaluation in evaluations:
        sys.stdout.buffer.write(codec.encode(evaluation) + b"\n")  # UTF-8 whatever the terminal's locale
    sys.stdout.flush()
    if complaints.problems:
        raise typer.Exit(1)


def _judge(
    reports: str,
    site: str | None,
    beside: tuple[str | None, str | None],
    packs: list[str],
    complaints: Complaints,
) -> list[Evaluation]:
    context, calendar = beside
    if site is None:
        raise ConfigError("no sites: give --site FILE, one JSON object of device → kind and area")
    loaded = load_packs(packs)
    places = read_sites(Path(site), complaints.note)
    needed = {entry.adjustment.series for pack in loaded for entry in pack.limit if entry.adjustment}
    hours = list(_read_context(Path(context), needed, complaints)) if context else []
    engine = patient_engine(places, loaded)
    engine.update_calendar(_read_calendar(Path(calendar), places, complaints) if calendar else [])
    with _opened(reports) as lines:
        evaluations = judge_all(engine, _read_reports(lines, reports, places, complaints), hours)
    for name, count in sorted(engine.implausible.items()):
        factor = FACTORS[name]
        complaints.note(f"{count} readings of {name} outside {factor.low:g} to {factor.high:g} do not count")
    return evaluations


def _read_reports(
    lines: Iterable[bytes], name: str, places: dict[str, Site], complaints: Complaints
) -> Iterator[Report]:
    """Reports that can be judged; of the others one complaint per line, device or factor."""
    known = FACTORS.keys()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            report = codec.decode_report(line)
            _check_time(report)
        except Rejected as error:
            complaints.problem(f"{name}:{number}: {error}")
            continue
        if report.device not in places:
            complaints.problem(
                f"device {report.device!r} is not in the sites file; its reports are not judged"
            )
            continue
        if not report.readings.keys() <= known:
            for factor in sorted(report.readings.keys() - known):
                complaints.note(f"{factor!r} is no factor that Yanchen knows; its readings are ignored")
        yield report


def _check_time(report: Report) -> None:
    """Refuse times at which no monitor measured: mostly seconds or nanoseconds taken for milliseconds."""
    at = report.at if isinstance(report.at, int) else to_ms(report.at)
    if not _EARLIEST_MS <= at <= _LATEST_MS:
        raise Rejected(
            Reason.INVALID_REPORT, f"at = {report.at} lies before 2000 or after 2100; is it in milliseconds?"
        )


def _read_context(path: Path, needed: AbstractSet[str], complaints: Complaints) -> Iterator[ContextValue]:
    """Hours of the city that can be used; one complaint per line of the others."""
    for number, line in enumerate(_bytes(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = _context.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            complaints.problem(f"{path}:{number}: {error}")
            continue
        if value.series not in needed:
            complaints.note(f"{path}: no limit needs the series {value.series!r}; its values are ignored")
        elif usable(value):
            yield value
        else:
            complaints.problem(
                f"{path}:{number}: {value.series} = {value.value:g} is no figure; counted as missing"
            )


def _read_calendar(path: Path, places: dict[str, Site], complaints: Complaints) -> list[CalendarEntry]:
    """Entries of the calendar; one complaint per fault of the others."""
    read = read_calendar(_bytes(path), str(path), {place.site for place in places.values()})
    for fault in read.faults:
        complaints.problem(f"{path}: {fault}")
    return read.entries


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name a file that can be read") from error


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """The reports' bytes, with a progress bar where a person looks on."""
    if name == "-":
        yield sys.stdin.buffer
        return
    path = Path(name)
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigError(f"{name}: {error.strerror}; name a file of JSON lines, or - for stdin") from error
    console = Console(stderr=True)
    with file:
        if not console.is_terminal or path.stat().st_size == 0:
            yield file
            return
        with wrap_file(
            file, path.stat().st_size, description="judging", console=console, transient=True
        ) as shown:
            yield shown
