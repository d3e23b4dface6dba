"""Graphs that cannot go backward, or go too far back."""

from __future__ import annotations

from collections.abc import Iterable

from audits.remark import Remark
from audits.step.events import BackwardCall
from audits.step.findings.declaration import finding
from audits.step.seen import SeenSteps

IN_PLACE = "modified by an inplace operation"
SECOND = "backward through the graph a second time"


def is_explained(error: BaseException | None) -> bool:
    """Whether an error of a backward call is one that a finding explains."""
    return error is not None and any(part in str(error) for part in (IN_PLACE, SECOND))


@finding("changed before backward")
def _changed(seen: SeenSteps) -> Iterable[Remark]:
    """A step of an optimizer writes to weights that a later backward call still needs."""
    for backward in seen.backwards:
        if backward.error is None or IN_PLACE not in str(backward.error):
            continue
        step = next((step for step in reversed(seen.steps) if step.last_backward < backward.number), None)
        what = f"{_named(backward)} cannot go backward at {backward.place}"
        by = f"the step of {seen.name(step.optimizer)} at {step.place}" if step else "an operation in place"
        text = f"{what}: {by} has changed what its graph needs; go backward first, or compute it after the step"
        yield Remark("changed before backward", text, tuple(backward.names), place=backward.place, fails=True)


@finding("graph of an earlier step")
def _carried(seen: SeenSteps) -> Iterable[Remark]:
    """What was computed in an earlier step is part of this one's graph."""
    told: set[object] = set()
    for backward in seen.backwards:
        carried = [place for key, place in backward.older.items() if _is_own(seen, backward, key)]
        broken = backward.error is not None and SECOND in str(backward.error)
        if not (carried or broken) or (backward.place, broken) in told:
            continue
        told.add((backward.place, broken))
        place = next((place for place in carried if place.path), backward.place)
        if carried:
            where = f" at {place}" if place is not backward.place else ""
            text = f"the graph of {_named(backward)} goes on into the step before{where}: "
            text += "a state is carried over without detach"
        else:
            text = f"{_named(backward)} goes backward at {place} through a graph that an earlier backward has freed"
        yield Remark("graph of an earlier step", text, tuple(backward.names), place=place, fails=broken)


def _is_own(seen: SeenSteps, backward: BackwardCall, optimizer: int) -> bool:
    """Whether an optimizer holds what the backward call trains: only its step is the border between two steps.

    Of several that take its gradient the first counts: another one may find what was left over. What never arrived,
    because of an error, is decided by all optimizers: all of them have stepped since.
    """
    if backward.error is not None:
        return {id(each) for each in seen.optimizers.values()} <= backward.older.keys()
    taking = (step for step in seen.steps if any(backward in held.of for held in step.held.values()))
    first = next(taking, None)
    return first is not None and id(first.optimizer) == optimizer


def _named(backward: BackwardCall) -> str:
    return ", ".join(backward.names) or "a loss"
