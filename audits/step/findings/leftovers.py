"""Gradient that is still there in a step that is not its own, or gone before its step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from audits.remark import Remark
from audits.remarks import listed
from audits.step.events import BackwardCall, OptimizerStep
from audits.step.findings.declaration import about, finding
from audits.step.moving import losses_of
from audits.step.seen import SeenSteps


@finding("gradient left over")
def _left_over(seen: SeenSteps) -> Iterable[Remark]:
    """What one step was made by is in the next one too: nobody cleared it in between."""
    told: set[tuple[str, str]] = set()
    for step, number, left in _leftovers(seen):
        column = seen.column(number)
        key = (seen.name(step.optimizer), column)
        if key in told:
            continue
        told.add(key)
        numbers = [other for each, other, _ in _leftovers(seen) if each is step and seen.column(other) == column]
        for _, names, text in about(seen, numbers):
            losses = losses_of(left)
            whose = f"the gradient of {listed(losses)} from before step {_own_before(seen, step, left)} of {key[0]}"
            if not _is_own(seen, step, left):
                whose = f"the gradient of {listed(losses)}, by which another optimizer has stepped,"
            said = f"the step of {key[0]} moves {text} by {whose} as well: zero_grad is missing before backward"
            yield Remark("gradient left over", said, losses, (column,) if column else (), names, step.place)


@finding("cleared before the step")
def _cleared(seen: SeenSteps) -> Iterable[Remark]:
    """A step without gradient, since it was cleared between backward and step."""
    told: set[str] = set()
    for step in seen.steps:
        name = seen.name(step.optimizer)
        lost = [each for each in step.cleared if each.parameter in step.held]
        has_some = any(held.of or held.by_hand for held in step.held.values())
        if lost and not has_some and name not in told and not step.skipped:
            told.add(name)
            losses = losses_of(each.by for each in lost)
            text = f"{name} steps without gradient: that of {listed(losses)} is cleared between backward and step"
            yield Remark("cleared before the step", text, losses, place=step.place)


def _leftovers(seen: SeenSteps) -> Iterator[tuple[OptimizerStep, int, list[BackwardCall]]]:
    """Each step, a parameter, and the backward calls in its gradient that were over before."""
    for step in seen.steps:
        before = _border(seen, step)
        for number, held in step.held.items():
            newest = max((backward.number for backward in held.of), default=0)
            left = [each for each in held.of if each.number <= before or _is_taken(seen, step, each, newest)]
            if left and number in step.moved and held.trainable:
                yield step, number, left


def _border(seen: SeenSteps, step: OptimizerStep) -> int:
    """The last backward call before the optimizer's own step before."""
    earlier = [each for each in seen.steps_of(step.optimizer) if each.number < step.number and not each.skipped]
    return earlier[-1].last_backward if earlier else 0


def _is_own(seen: SeenSteps, step: OptimizerStep, left: Iterable[BackwardCall]) -> bool:
    border = _border(seen, step)
    return any(backward.number <= border for backward in left)


def _own_before(seen: SeenSteps, step: OptimizerStep, left: Iterable[BackwardCall]) -> int:
    del left
    return [each.number for each in seen.steps_of(step.optimizer)].index(step.number) + 1


def _is_taken(seen: SeenSteps, step: OptimizerStep, old: BackwardCall, newest: int) -> bool:
    """Whether another optimizer stepped by a backward call before a newer one was added to it."""
    return old.number < newest and any(
        other.optimizer is not step.optimizer
        and old.number <= other.last_backward < newest
        and any(old in held.of for held in other.held.values())
        for other in seen.steps
        if other.number < step.number
    )
