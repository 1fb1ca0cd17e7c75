"""Apply changed episodes to cases: open, join, withdraw, tell. One transaction, given by the caller."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import structlog

from alerts import notify
from alerts.decide import Change, Kind
from alerts.ladder import Step
from alerts.notice import Recipient
from alerts.policy import Policy
from alerts.route import responsible
from alerts.store import cases, episodes, events, grid
from alerts.store.cases import Case, Located
from domain.case import CaseState, Nuisance, check_transition, nuisance
from domain.episode import Episode
from domain.instant import iso
from runtime.database import Connection

log = structlog.get_logger()

_EVENTS: Final = {
    Kind.RAISED: "episode_joined",
    Kind.CONTINUED: "episode_continued",
    Kind.CLEARED: "episode_cleared",
    Kind.WITHDRAWN: "episode_withdrawn",
    Kind.MERGED: "episode_merged",
}


async def apply(connection: Connection, found: Sequence[Change], *, policy: Policy, now: datetime) -> None:
    """Store changed episodes with what follows for their cases."""
    places = await cases.lock_sites(connection, {change.episode.device for change in found})
    usable = [change for change in found if _is_usable(change.episode, places)]
    # Longer and higher episodes, the bulk of a bad evening, change nothing of their cases.
    await episodes.save(connection, [pair for change in usable for pair in _quiet(change)])
    usable = [change for change in usable if not _quiet(change)]
    desk = await _Desk.open(connection, places.values(), policy, now)
    # What is raised comes first: a case whose episode has moved keeps one and is not withdrawn.
    for change in sorted(usable, key=lambda change: (not change.needs_case, change.episode.started_at)):
        await desk.put(change, places[change.episode.device])
    await desk.withdraw_emptied()


def _quiet(change: Change) -> list[tuple[Episode, int]]:
    if change.kind is not Kind.UPDATED or change.case_id is None:
        return []
    return [(change.episode, change.case_id)]


def _is_usable(episode: Episode, places: dict[str, Located]) -> bool:
    try:
        nuisance(episode.factor)
    except KeyError:
        log.error("exceedance_of_unknown_kind", device=episode.device, factor=episode.factor)  # noqa: TRY400
        return False
    if episode.device not in places:
        log.error("exceedance_of_unknown_device", device=episode.device, limit=episode.limit)
        return False
    return True


class _Desk:
    """The open cases of the touched sites, held for this transaction."""

    def __init__(
        self,
        connection: Connection,
        open_cases: dict[tuple[str, Nuisance], Case],
        policy: Policy,
        now: datetime,
    ) -> None:
        self._connection = connection
        self._open = open_cases
        self._policy = policy
        self._now = now
        self._opened: list[Case] = []
        self._shrunk: set[int] = set()

    @classmethod
    async def open(
        cls, connection: Connection, places: Iterable[Located], policy: Policy, now: datetime
    ) -> "_Desk":
        """Hold the open cases of these places."""
        return cls(connection, await cases.open_at(connection, {at.site for at in places}), policy, now)

    async def put(self, change: Change, at: Located) -> None:
        """Store one episode in its case."""
        kind = nuisance(change.episode.factor)
        if change.needs_case or change.case_id is None:
            known = self._open.get((at.site, kind))
            if known is None:
                await self._open_case(change.episode, kind, at)
            else:
                await self._record(change, known.case_id)
        else:
            await cases.lock(self._connection, change.case_id)
            await self._record(change, change.case_id)

    async def _record(self, change: Change, case_id: int) -> None:
        await episodes.save(self._connection, [(change.episode, case_id)])
        if change.kind in (Kind.WITHDRAWN, Kind.MERGED):
            self._shrunk.add(case_id)
        if change.kind in _EVENTS:
            await self._event(case_id, _EVENTS[change.kind], _detail(change.episode))

    async def _open_case(self, episode: Episode, kind: Nuisance, at: Located) -> None:
        period_start = episode.started_at - self._policy.offence_period
        squad = responsible(await grid.way_up(self._connection, at.grid_code))
        case = await cases.insert(
            self._connection,
            site=at.site,
            nuisance=kind,
            squad=squad.squad if squad else None,
            first_offence=not await cases.offended_since(self._connection, at.site, kind, period_start),
            occurred_at=episode.started_at,
            opened_at=self._now,
        )
        self._open[(at.site, kind)] = case
        await episodes.save(self._connection, [(episode, case.case_id)])
        await self._event(case.case_id, "opened", _detail(episode) | _heading(case))
        if squad is None:
            # Nobody owns the cell: that must be seen by those who can change it.
            await self._event(case.case_id, "no_squad", {"grid_code": at.grid_code})
        await self._tell(case, Recipient.of(squad))

    async def _tell(self, case: Case, recipient: Recipient) -> None:
        """Write the first notices, and start the clock of the next."""
        policy, now = self._policy, self._now
        await notify.issue(self._connection, case, Step.FIRST, [recipient], policy=policy, now=now)
        await notify.start_clock(self._connection, case, Step.FIRST, policy=policy, now=now)

    async def _event(self, case_id: int, kind: str, detail: dict[str, Any]) -> None:
        await events.append(self._connection, case_id, kind, detail, at=self._now)

    async def withdraw_emptied(self) -> None:
        """Withdraw the open cases whose episodes are all withdrawn, and tell those who were told."""
        emptied = self._shrunk - await episodes.still_live(self._connection, sorted(self._shrunk))
        for case in list(self._open.values()):
            if case.case_id not in emptied:
                continue
            check_transition(case.state, CaseState.WITHDRAWN)
            await cases.set_state(self._connection, case.case_id, CaseState.WITHDRAWN, self._now)
            detail = {
                "from": case.state.value,
                "reason": "late data took every exceedance of it back",
            }
            await self._event(case.case_id, "withdrawn", detail)
            await notify.correct(self._connection, case, policy=self._policy, now=self._now)


def _heading(case: Case) -> dict[str, Any]:
    return {
        "site": case.site,
        "nuisance": case.nuisance.value,
        "squad": case.squad,
        "first_offence": case.first_offence,
    }


def _detail(episode: Episode) -> dict[str, Any]:
    return {
        "episode": str(episode.episode_id),
        "device": episode.device,
        "standard": episode.standard,
        "limit": episode.limit,
        "factor": episode.factor,
        "state": episode.state.value,
        "started_at": iso(episode.started_at),
        "ended_at": iso(episode.ended_at),
        "n_exceed": episode.n_exceed,
        "peak": episode.peak,
        "limit_value": episode.limit_value,
        "unit": episode.unit,
    }
