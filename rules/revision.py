"""What a window judged again says that was not said before (design §5, "Late data re-judges").

Revision 1 is the first; what differs from the last one handed out is one higher; what is the same is
handed out again only to be final; what was final stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from domain.evaluation import Evaluation
from rules.judged import FINDING, Findings, Judged, together

Recalled = Mapping[tuple[str, str, str, int], Evaluation]
"""(device, standard, limit, window start in ms) → what another process handed out last."""

_COMPARED: Final = ("micro", "n_valid", "n_expected", "verdict")


class Revised(NamedTuple):
    """What to hand out, and what to remember as handed out."""

    issue: Judged
    last: Judged


class _Before(NamedTuple):
    """Parallel to fresh findings: the last revision (0 if none), and whether it was the same or final."""

    revision: npt.NDArray[np.int32]
    same: npt.NDArray[np.bool_]
    final: npt.NDArray[np.bool_]


def revise(
    fresh: Judged, last: Judged | None, recalled: Recalled, names: Sequence[str], *, final: bool
) -> Revised:
    """Number fresh findings and pick those that say something new.

    Args:
        fresh: findings of a window, with revision 1.
        last: what is remembered of the same limit and window.
        recalled: what was handed out before this engine's life.
        names: the devices by their number.
        final: whether nothing can change the window any more; then nothing of it is remembered.
    """
    if last is None and not recalled:
        return Revised(fresh, fresh.pick(np.zeros(len(fresh), np.bool_)) if final else fresh)
    before = _before(fresh, last)
    if recalled:
        _recall(before, fresh, recalled, names)
    fresh.findings["revision"] = before.revision + ~before.same
    issue = ~before.final if final else ~before.final & ~before.same
    remembered = [fresh.pick(np.zeros_like(issue) if final else ~before.final)]
    if last is not None:
        remembered.append(_without(last, fresh.findings))
    return Revised(fresh.pick(issue), together(remembered))


def _before(fresh: Judged, last: Judged | None) -> _Before:
    size = len(fresh)
    nothing = np.zeros(size, FINDING)
    old, found = nothing, np.zeros(size, np.bool_)
    if last is not None and len(last):
        place = np.searchsorted(last.findings["device"], fresh.findings["device"]).clip(max=len(last) - 1)
        old = last.findings[place]
        found = old["device"] == fresh.findings["device"]
    same = found.copy()
    for name in _COMPARED:
        same &= old[name] == fresh.findings[name]
    if last is not None and (last.notes or fresh.notes):
        devices = fresh.findings["device"].tolist()
        same &= [last.notes.get(device) == fresh.notes.get(device) for device in devices]
    return _Before(np.where(found, old["revision"], 0), same, np.zeros(size, np.bool_))


def _recall(before: _Before, fresh: Judged, recalled: Recalled, names: Sequence[str]) -> None:
    """Fill in what another process handed out; a changed clause or limit differs too."""
    unknown = before.revision == 0
    start = fresh.span.start_ms
    told = fresh.pick(unknown).evaluations(names, final=False)
    for place, one in zip(np.flatnonzero(unknown).tolist(), told, strict=True):
        last = recalled.get((one.device, one.standard, one.limit, start))
        if last is not None:
            before.revision[place], before.final[place] = last.revision, last.final
            before.same[place] = (
                msgspec.structs.replace(one, revision=last.revision, final=last.final) == last
            )


def _without(last: Judged, gone: Findings) -> Judged:
    """What is remembered of other devices."""
    kept = last.pick(~np.isin(last.findings["device"], gone["device"]))
    gone_notes = set(gone["device"].tolist()) if last.notes else set()
    return replace(
        kept, notes={device: note for device, note in last.notes.items() if device not in gone_notes}
    )
