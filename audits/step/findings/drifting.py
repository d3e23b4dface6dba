"""What moves although no gradient of the step says so, or does not although it does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from audits.remark import Remark
from audits.remarks import STATISTICS, listed
from audits.step.events import Held, OptimizerStep
from audits.step.findings.declaration import NOTHING_MOVES, about, finding, verb
from audits.step.moving import average_of
from audits.step.seen import SeenSteps

NORMS = nn.modules.batchnorm._NormBase


@finding(NOTHING_MOVES)
def _nothing(seen: SeenSteps) -> Iterable[Remark]:
    """Gradient arrives, and no parameter of a named module is another afterwards."""
    reached = any(backward.reached for backward in seen.backwards)
    excused = any(step.skipped or all(not held.rate for held in step.held.values()) for step in seen.steps)
    broken = any(backward.error for backward in seen.backwards)
    moves = any(number in seen.moved for numbers in seen.parameters.values() for number in numbers)
    if not (moves or excused or broken):
        why = "" if reached else ", and no backward call gives one gradient"
        what = f"in {len(seen.steps)} optimizer steps" if seen.steps else "since no optimizer steps"
        last = seen.steps or seen.backwards
        place = last[-1].place if last else None
        yield Remark(NOTHING_MOVES, f"no parameter moves {what}{why}", modules=tuple(seen.columns), place=place)


@finding("moved without gradient")
def _moved(seen: SeenSteps) -> Iterable[Remark]:
    """Frozen, or in no graph, and moved all the same."""
    groups: dict[tuple[str, str, str], tuple[OptimizerStep, list[int]]] = {}
    for step in seen.steps:
        for number, held in step.held.items():
            if number in step.moved and (what := _without_cause(held)):
                key = seen.name(step.optimizer), what, seen.column(number)
                numbers = groups.setdefault(key, (step, []))[1]
                numbers += [number] if number not in numbers else []
    for (name, what, column), (step, numbers) in groups.items():
        for _, names, text in about(seen, numbers):
            state = "frozen" if not step.held[numbers[0]].trainable else "not reached by any backward call of the step"
            said = f"{text} {verb(names, text, 'is', 'are')} {state}, but the step of {name} moves it by {what}"
            yield Remark("moved without gradient", said, (), (column,) if column else (), names, step.place)


def _without_cause(held: Held) -> str:
    """By what a parameter moved that should not have; empty where it should."""
    if held.of and held.trainable:
        return ""
    if held.gradient == "some":
        return "" if held.trainable else "a gradient from before it was frozen"
    ways = ["weight decay"] if held.decay else []
    ways += ["the momentum that the optimizer remembers"] if held.remembers else []
    return " and ".join(ways) or "the optimizer alone"


@finding(STATISTICS)
def _statistics(seen: SeenSteps) -> Iterable[Remark]:
    """Running statistics of a module that does not train."""
    names: dict[str, Any] = {}
    for column, value in seen.columns.items():
        for path, module in value.named_modules() if isinstance(value, nn.Module) else ():
            own = list(module.parameters(recurse=False))
            still = own and not any(each.requires_grad or id(each) in seen.moved for each in own)
            if isinstance(module, NORMS) and still and id(module.running_mean) in seen.outside:
                names[f"{column}.{path}" if path else column] = value
    if names:
        text = f"the running statistics of {listed(names)} move although all parameters there are frozen: call eval()"
        place = seen.place_of_call(next(iter(names.values())))
        yield Remark(STATISTICS, text, names=tuple(names), place=place)


@finding("average without buffers")
def _average(seen: SeenSteps) -> Iterable[Remark]:
    """A moving average that leaves out the statistics of what it averages. A number of batches can be left out."""
    for column in seen.columns:
        found = average_of(seen, column)
        if not found:
            continue
        other, _ = found
        moving = {
            name.removeprefix(other): number
            for number, name in seen.buffers.get(other, {}).items()
            if number in seen.outside and _is_floating(seen, number)
        }
        own = {name.removeprefix(column): number for number, name in seen.buffers.get(column, {}).items()}
        left = tuple(f"{column}{name}" for name in moving if name in own and own[name] not in seen.moved)
        if left:
            text = f"{column} is an average of {other}, but its buffers stay as they are: {listed(left)}"
            yield Remark("average without buffers", text, (), (column,), left)


def _is_floating(seen: SeenSteps, number: int) -> bool:
    buffer = seen.watcher.movement.tensor(number)
    return buffer is not None and buffer.is_floating_point()


@finding("lost to precision")
def _lost(seen: SeenSteps) -> Iterable[Remark]:
    """Steps that are smaller than the distance of two numbers."""
    for name, optimizer in seen.optimizers.items():
        steps = [step for step in seen.steps_of(optimizer) if not step.skipped]
        for column, numbers in seen.parameters.items():
            held = [(number, step.held[number]) for step in steps for number in numbers if number in step.held]
            driven = [
                number for number, each in held if each.of and each.gradient == "some" and each.rate and each.trainable
            ]
            if driven and not any(number in step.moved for step in steps for number in driven):
                text = f"{column} has gradient and a learning rate, and the step of {name} is too small to move it"
                yield Remark("lost to precision", text, (), (column,), place=steps[0].place)
