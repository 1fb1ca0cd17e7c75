"""The engine: readings in, evaluations out. No clock, no input or output, event time only.

Its results depend on what was pushed, not on how it was cut into batches: whether a reading is
too late is decided by the watermark just before it, and a final evaluation by readings alone.

Watermark: one per partition, the largest ``min(at, received_at)`` of its reports, or what
``advance`` says because time passed. A window closes with a provisional evaluation when the
watermark reaches its end plus the grace, and is final at its end plus the lateness.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np

from domain import health
from domain.calendar import CalendarEntry
from domain.context import ContextValue
from domain.errors import ConfigError
from domain.evaluation import Evaluation
from domain.instant import from_ms, to_ms
from domain.report import Report
from domain.site import Site
from rules.calendar import CalendarTable
from rules.columns import Columns, Rows, columns
from rules.context import ContextTable, Hour
from rules.health import Health
from rules.health_pack import HealthPack
from rules.judging import Judge
from rules.lane import Kept, Lane, Pairs
from rules.limits import Book, LaneKey
from rules.pack import Pack
from rules.places import Places
from rules.revision import revise
from rules.statistics import sort_unique
from rules.window import HOUR_MS, Int64s, window_start

GRACE_MS: Final = 90_000
LATENESS_MS: Final = 6 * HOUR_MS

_BEFORE_ALL: Final = -(2**60)

Late = tuple[str, str, datetime]
"""Device, factor and start of a window that got data after its release."""

_Recalled = dict[tuple[str, str, str, int], Evaluation]


@dataclass(slots=True)
class _Shard:
    """One partition: its watermark and its lanes."""

    lanes: list[Lane]
    watermark: int = _BEFORE_ALL
    recalled: _Recalled = field(default_factory=dict)
    recalled_swept: int = _BEFORE_ALL


class Engine:
    """Judges readings against standard packs (design §5).

    Args:
        packs: in rising priority, as ``load_packs`` gives them.
        sites: device → where it stands.
        grace_ms: how long after a window's end it closes.
        lateness_ms: how long after its end data may still change it.
        health_pack: the rules of device health; without them it is not judged.

    Raises:
        ConfigError: the lateness is shorter than the grace.

    Attributes:
        late: device → readings that came after their window's release.
        implausible: factor → readings with flag N outside its plausible range, which do not count.
        health: judges the devices themselves; none without rules.
    """

    def __init__(
        self,
        packs: Sequence[Pack],
        sites: Mapping[str, Site],
        *,
        grace_ms: int = GRACE_MS,
        lateness_ms: int = LATENESS_MS,
        health_pack: HealthPack | None = None,
    ) -> None:
        if not 0 <= grace_ms <= lateness_ms:
            raise ConfigError(f"lateness ({lateness_ms} ms) is shorter than grace ({grace_ms} ms); raise it")
        self.late: Final[Counter[str]] = Counter()
        self.implausible: Final[Counter[str]] = Counter()
        self._grace, self._lateness = grace_ms, lateness_ms
        self._book: Final = Book(packs)
        self._context: Final = ContextTable()
        self._places: Final = Places(sites)
        self._calendar: Final = CalendarTable()
        self._judge: Final = Judge(self._book, self._context, self._places, self._calendar)
        self.health: Final = (
            Health(health_pack, self._places, grace_ms=grace_ms, lateness_ms=lateness_ms)
            if health_pack
            else None
        )
        self._shards: Final[dict[int, _Shard]] = {}
        self._late_windows: Final[dict[Late, None]] = {}

    @property
    def unknown_devices(self) -> frozenset[str]:
        """Devices that reported and have no site; their readings wait for ``update_sites``."""
        return self._places.unknown

    def watermark(self, partition: int) -> int | None:
        """The partition's watermark, epoch ms; none before its first report."""
        shard = self._shards.get(partition)
        return None if shard is None or shard.watermark == _BEFORE_ALL else shard.watermark

    def update_sites(self, sites: Mapping[str, Site]) -> None:
        """Replace the register. It holds for windows judged from now on."""
        self._places.update(sites)

    def push(self, reports: Sequence[Report], partition: int = 0) -> list[Evaluation]:
        """Take reports of one partition in the order of its log.

        Returns:
            Evaluations of windows that closed, changed or became final by them.
        """
        batch = columns(reports, self._places.index)
        self._places.refresh()
        return self.push_columns(batch, partition)

    def push_columns(self, batch: Columns, partition: int = 0) -> list[Evaluation]:
        """As ``push``, for readings that are columns already; their devices come from ``device_numbers``."""
        if not len(batch):
            return []
        shard = self._shard(partition)
        before = np.maximum.accumulate(np.concatenate(([shard.watermark], batch.progress)))
        wild = np.zeros(len(batch), bool)
        for factor, where in batch.by_factor():
            fine = batch.plausible(factor, where)
            if len(fine) < len(where):
                self.implausible[factor.id] += len(where) - len(fine)
                wild[np.setdiff1d(where, fine)] = True
            lanes = [lane for lane in shard.lanes if lane.key.factor == factor.id]
            if lanes and len(fine):
                rows, marks = batch.rows(fine), before[fine]
                for lane in lanes:
                    self._offer(lane, rows, marks)
        issued = self._move(shard, int(before[-1]))
        return issued + self.health.push(batch, wild, partition) if self.health else issued

    def device_numbers(self, devices: Iterable[str]) -> list[int]:
        """The numbers that stand for devices in columns."""
        numbers = [self._places.index[device] for device in devices]
        self._places.refresh()
        return numbers

    def context(self, values: Sequence[ContextValue]) -> list[Evaluation]:
        """Take context; windows that it changes are issued again while they are not final."""
        changed = self._context.put(values)
        issued: list[Evaluation] = []
        for shard in self._shards.values():
            for lane in shard.lanes:
                for hour in changed:
                    if hour.series in self._book.series[lane.key]:
                        self._reopen(lane, hour)
            issued += self._settle(shard)
        return issued

    def update_calendar(self, entries: Iterable[CalendarEntry]) -> list[Evaluation]:
        """Replace the calendar; windows that it changes are issued again while they are not final."""
        changed = self._calendar.replace(entries)
        self._places.set_apart(self._calendar.sites)
        spans = [(entry, to_ms(start), to_ms(end)) for entry in changed for start, end in entry.spans()]
        issued: list[Evaluation] = []
        for shard in self._shards.values() if spans else ():
            for lane in shard.lanes:
                self._reopen_during(lane, spans)
            issued += self._settle(shard)
        return issued

    def advance(self, partition: int, watermark_ms: int) -> list[Evaluation]:
        """Time passed in one partition without reports; a watermark never goes back."""
        shard = self._shard(partition)
        issued = self._move(shard, max(shard.watermark, watermark_ms))
        return issued + self.health.advance(partition, watermark_ms) if self.health else issued

    def finish(self) -> list[Evaluation]:
        """Nothing more will come: every window that holds a reading becomes final."""
        issued: list[Evaluation] = []
        for shard in self._shards.values():
            ends = [lane.last_start + lane.key.window_ms for lane in shard.lanes]
            issued += self._move(shard, max(shard.watermark, max(ends, default=_BEFORE_ALL) + self._lateness))
        return issued

    def take_late(self) -> list[Late]:
        """Windows that got data after their release, each once; for the back-fill way."""
        windows = list(self._late_windows)
        self._late_windows.clear()
        return windows

    def recall(self, published: Iterable[Evaluation], partition: int = 0) -> None:
        """Say what was published before, ahead of replaying a partition's log.

        What the replay finds again is not issued again, what differs gets a higher revision, and
        what was final stays. A window that late data had changed passes through its earlier states
        again: discard what the records issue that had been judged before. A device's silence since
        its last window is judged as a gap.

        Args:
            published: at least every evaluation that was not final, and the last of each device
                and limit; a later one replaces an earlier.
            partition: whose log will be replayed, from no later than the oldest window among those
                that were not final.
        """
        shard = self._shard(partition)
        published = list(published)
        if self.health:
            self.health.recall((one for one in published if one.standard == health.STANDARD), partition)
        limits = [one for one in published if one.standard != health.STANDARD]
        numbers = self.device_numbers(one.device for one in limits)
        for index, evaluation in zip(numbers, limits, strict=True):
            start = to_ms(evaluation.window_start)
            length = to_ms(evaluation.window_end) - start
            key = LaneKey(evaluation.factor, length, evaluation.statistic)
            for lane in shard.lanes:
                if lane.key == key:
                    lane.remember(index, start)
            shard.recalled[evaluation.device, evaluation.standard, evaluation.limit, start] = evaluation

    def forget(self, partition: int) -> None:
        """Drop all state of a partition that another process judges now."""
        self._shards.pop(partition, None)
        if self.health:
            self.health.forget(partition)

    def _shard(self, partition: int) -> _Shard:
        shard = self._shards.get(partition)
        if shard is None:
            shard = self._shards[partition] = _Shard([Lane(key) for key in self._book.lanes])
        return shard

    def _offer(self, lane: Lane, rows: Rows, before: Int64s) -> None:
        """Give a lane its readings; those of windows released by then are counted instead."""
        length = lane.key.window_ms
        if window_start(int(rows.at.min()), length) < window_start(int(before[-1]) - self._lateness, length):
            start = window_start(rows.at, length)
            late = start < window_start(before - self._lateness, length)
            for device, at in zip(rows.device[late].tolist(), start[late].tolist(), strict=True):
                name = self._places.index.names[device]
                self.late[name] += 1
                self._late_windows[name, lane.key.factor, from_ms(at)] = None
            lane.overtaken(rows.device[late], start[late])
            rows = rows.pick(~late)
        if len(rows):
            lane.accept(rows)

    def _reopen(self, lane: Lane, hour: Hour) -> None:
        within = self._places.within(hour.area)
        for start, kept in lane.kept.items():
            if window_start(start, HOUR_MS) == hour.start_ms:
                for told in kept.told.values():
                    devices = told.findings["device"].astype(np.int64)
                    lane.reopen(start, devices[within[devices]])

    def _reopen_during(self, lane: Lane, spans: Sequence[tuple[CalendarEntry, int, int]]) -> None:
        for start in lane.kept:
            for entry in {entry for entry, begins, ends in spans if begins <= start < ends}:
                sites = ((device, self._places.site(device)) for device in lane.seen_at(start))
                devices = [device for device, site in sites if site and entry.concerns(site)]
                lane.reopen(start, np.array(devices, np.int64))

    def _move(self, shard: _Shard, watermark: int) -> list[Evaluation]:
        shard.watermark = watermark
        issued = self._settle(shard)
        for lane in shard.lanes:
            length = lane.key.window_ms
            closed, released = (
                window_start(watermark - wait, length) for wait in (self._grace, self._lateness)
            )
            if closed > lane.closed_until:
                pairs, rows = lane.close(closed)
                rows = sort_unique(rows)
                lane.keep(rows, released)
                issued += self._issue(shard, lane, pairs, rows)
            for told in lane.release(released):
                issued += told.evaluations(self._places.index.names, final=True)
        self._forget_recalled(shard)
        return issued

    def _forget_recalled(self, shard: _Shard) -> None:
        """Once in an hour of event time, let go of recalled evaluations whose windows are released."""
        hour = window_start(shard.watermark, HOUR_MS)
        if shard.recalled and hour != shard.recalled_swept:
            shard.recalled_swept = hour
            oldest = shard.watermark - self._lateness
            shard.recalled = {
                key: one for key, one in shard.recalled.items() if to_ms(one.window_end) > oldest
            }

    def _settle(self, shard: _Shard) -> list[Evaluation]:
        """Judge closed windows that something has changed."""
        issued: list[Evaluation] = []
        for lane in shard.lanes:
            pairs, rows = lane.take_dirty()
            if len(pairs):
                issued += self._issue(shard, lane, pairs, sort_unique(rows))
        return issued

    def _issue(self, shard: _Shard, lane: Lane, pairs: Pairs, rows: Rows) -> list[Evaluation]:
        """Judge windows; hand out what is new or differs from what was handed out last."""
        released = window_start(shard.watermark - self._lateness, lane.key.window_ms)
        names = self._places.index.names
        issued: list[Evaluation] = []
        for judged in self._judge.evaluate(lane.key, pairs, rows):
            start = judged.span.start_ms
            final = start < released
            kept = lane.kept.get(start) or Kept()
            new, last = revise(judged, kept.told.get(judged.limit), shard.recalled, names, final=final)
            kept.told[judged.limit] = last
            if not final:
                lane.kept[start] = kept
            issued += new.evaluations(names, final=final)
        return issued
