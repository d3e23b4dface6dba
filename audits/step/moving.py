"""What each optimizer did to each module, over all steps that were seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import hypot, isfinite

from audits.moves import BY_HAND, Move
from audits.step.events import BackwardCall, OptimizerStep, TensorChange
from audits.step.seen import SeenSteps


def moves(seen: SeenSteps) -> Iterator[Move]:
    """A move for each optimizer that stepped and each column of which it holds a parameter; then what else moved."""
    for name, optimizer in seen.optimizers.items():
        if steps := seen.steps_of(optimizer):
            for column in seen.columns:
                if move := _move(seen, name, column, steps):
                    yield move
    for column in seen.columns:
        if move := _by_hand(seen, column):
            yield move


def losses_of(backwards: Iterable[BackwardCall]) -> tuple[str, ...]:
    """The names of their losses, each once; none that is only there with a weight of zero."""
    ordered = sorted(set(backwards), key=lambda backward: backward.number)
    named = (item for backward in ordered for item in backward.names.items())
    return tuple(dict.fromkeys(name for name, weight in named if weight != 0))


def _move(seen: SeenSteps, name: str, column: str, steps: Sequence[OptimizerStep]) -> Move | None:
    numbers = [number for number in seen.parameters[column] if any(number in step.held for step in steps)]
    moved = {number for step in steps for number in step.moved if number in seen.parameters[column]}
    if not (numbers or moved):
        return None
    backwards = [by for step in steps for number in numbers for by in step.held[number].of if number in step.held]
    return Move(
        optimizer=name,
        module=column,
        moved=len(moved),
        parameters=len(numbers),
        relative=max((_relative(step, seen.parameters[column]) for step in steps), default=0.0),
        losses=losses_of(backwards),
        reason="" if moved else _why_not(steps, numbers),
        place=steps[0].place,
    )


def _relative(step: OptimizerStep, numbers: Iterable[int]) -> float:
    return relative([step.moved[number] for number in numbers if number in step.moved])


def relative(changes: Sequence[TensorChange]) -> float:
    """How far they moved, beside what they were; 1 for what was zero."""
    change, before = hypot(*(each.change for each in changes)), hypot(*(each.before for each in changes))
    if not isfinite(change):
        return change
    return change / max(before, change) if change else 0.0


def _why_not(steps: Sequence[OptimizerStep], numbers: Sequence[int]) -> str:
    """Why parameters in an optimizer did not move."""
    held = [step.held[number] for step in steps for number in numbers if number in step.held]
    if skipped := next((step.skipped for step in steps if step.skipped), ""):
        return skipped
    if not any(each.trainable for each in held):
        return "requires_grad is False"
    if all(each.gradient == "none" for each in held):
        return "it has no gradient"
    if all(each.rate == 0 for each in held):
        return "the learning rate is 0"
    if all(each.gradient != "some" for each in held):
        return "its gradient is zero"
    return "the change is lost to precision"


def _by_hand(seen: SeenSteps, column: str) -> Move | None:
    parameters = [number for number in seen.parameters[column] if number in seen.outside]
    buffers = [number for number in seen.buffers.get(column, {}) if number in seen.outside]
    if not (parameters or buffers):
        return None
    changes = [change for number in parameters for change in seen.outside[number]]
    return Move(
        optimizer=BY_HAND,
        module=column,
        moved=len(parameters),
        parameters=len(seen.parameters[column]),
        relative=relative(changes),
        buffers=len(buffers),
        reason=averaged(seen, column) if parameters else "",
    )


def averaged(seen: SeenSteps, column: str) -> str:
    """``average of student, 0.99``, ``copy of student``; empty for what moved otherwise."""
    found = average_of(seen, column)
    if found is None:
        return ""
    other, part = found
    return f"copy of {other}" if part > 0.999 else f"average of {other}, {float(f'{1 - part:.3g}'):g}"


def average_of(seen: SeenSteps, column: str) -> tuple[str, float] | None:
    """The column towards which most parameters of another moved, and the part of the way."""
    found: dict[str, list[float]] = {}
    for number in seen.parameters[column]:
        for change in seen.outside.get(number, ()):
            if change.average_of and (other := seen.column(change.average_of[0])) not in ("", column):
                found.setdefault(other, []).append(change.average_of[1])
    if not found:
        return None
    other, parts = max(found.items(), key=lambda item: len(item[1]))
    return other, sorted(parts)[len(parts) // 2]
