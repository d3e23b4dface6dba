"""Which optimizer holds which parameter: none, two, or one that nobody uses."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence

from torch.optim.optimizer import Optimizer

from audits.remark import Remark
from audits.remarks import WITHOUT_GRADIENT, listed
from audits.step.events import BackwardCall, OptimizerStep
from audits.step.findings.declaration import about, finding, verb
from audits.step.moving import losses_of
from audits.step.seen import SeenSteps


@finding("in no optimizer")
def _in_none(seen: SeenSteps) -> Iterable[Remark]:
    """Gradient arrives, and nobody steps by it."""
    if any(_strange(seen, optimizer) for optimizer in seen.optimizers.values()):
        return  # a module was replaced: told there
    free = _free(seen)
    for column, names, text in about(seen, free):
        by = _of(seen, [number for number in free if seen.column(number) == column])
        losses, (gets, stands) = losses_of(by), (verb(names, text, "gets", "get"), verb(names, text, "is", "are"))
        said = f"{text} {gets} gradient from {listed(losses)} and {stands} in no optimizer"
        yield Remark("in no optimizer", said, losses, (column,) if column else (), names, by[0].place)


@finding("in two optimizers")
def _in_two(seen: SeenSteps) -> Iterable[Remark]:
    """Two optimizers step the same parameter."""
    declared = {id(each) for each in seen.declared.values()}
    holders: dict[int, list[str]] = {}
    for name, optimizer in seen.optimizers.items():
        if id(optimizer) in declared or _takes_turns(seen, optimizer):
            for number in held_numbers(optimizer):
                holders.setdefault(number, []).append(name)
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, names in holders.items():
        if len(names) > 1:
            groups.setdefault(tuple(names), []).append(number)
    for optimizers, numbers in groups.items():
        for column, names, text in about(seen, numbers):
            text = f"{text} {verb(names, text, 'is', 'are')} in {len(optimizers)} optimizers: {', '.join(optimizers)}"
            steps = seen.steps_of(seen.optimizers[optimizers[-1]])
            place = steps[0].place if steps else None
            yield Remark("in two optimizers", text, (), (column,) if column else (), names, place)


@finding("not the module's parameters")
def _strangers(seen: SeenSteps) -> Iterable[Remark]:
    """An optimizer that was made before its module got other parameters."""
    free = _free(seen)
    names = tuple(name for _, those, _ in about(seen, free) for name in those)
    for name, optimizer in seen.optimizers.items():
        if not (strange := _strange(seen, optimizer)):
            continue
        held = len(held_numbers(optimizer))
        what = "no parameter" if len(strange) == held else f"{len(strange)} of {held} parameters"
        of = "of a module that runs" if what == "no parameter" else "that no module has"
        text = f"{name} holds {what} {of}: it was made before the module was replaced"
        if free:
            new = listed(text for _, _, text in about(seen, free))
            text += f" by one that gets gradient and is in no optimizer: {new}"
        columns = tuple(dict.fromkeys(filter(None, map(seen.column, free))))
        place = seen.steps_of(optimizer)[0].place
        yield Remark("not the module's parameters", text, losses_of(_of(seen, free)), columns, names, place)


@finding(WITHOUT_GRADIENT)
def _without_gradient(seen: SeenSteps) -> Iterable[Remark]:
    """Trainable parameters of an optimizer that no backward call reaches."""
    for name, optimizer in seen.optimizers.items():
        steps = seen.steps_of(optimizer)
        numbers = [number for number in held_numbers(optimizer) if number in seen.in_modules]
        numbers = [number for number in numbers if _is_left_out(seen, steps, number)]
        for column, names, text in about(seen, numbers):
            of = f"{len(names)} of {len(seen.parameters[column])} parameters of {column}" if column else text
            told = f"{of}, held by {name}, got no gradient in {len(steps)} steps"
            told += f": {listed(names)}" if column else ""
            yield Remark(WITHOUT_GRADIENT, told, (), (column,) if column else (), names, steps[0].place)


def _free(seen: SeenSteps) -> list[int]:
    """Parameters that get gradient, and that no optimizer holds or moves."""
    if not seen.steps:
        return []
    held = {number for optimizer in seen.optimizers.values() for number in held_numbers(optimizer)}
    reached = {number for backward in seen.backwards for number in backward.reached}
    free = [number for number in seen.tensors if number in reached and number not in held and number not in seen.moved]
    if free and (others := _others(seen)):
        elsewhere = {number for optimizer in others for number in held_numbers(optimizer)}
        free = [number for number in free if number not in elsewhere]
    return free


def _strange(seen: SeenSteps, optimizer: Optimizer) -> list[int]:
    """What an optimizer that steps holds of no module."""
    if not seen.steps_of(optimizer) or not seen.watcher.called:
        return []
    return [
        number for number in held_numbers(optimizer) if number not in seen.in_modules and not _was_reached(seen, number)
    ]


def _takes_turns(seen: SeenSteps, optimizer: Optimizer) -> bool:
    """Whether it and another one step in turns, so that none of them has taken the place of the other."""
    own = [step.number for step in seen.steps_of(optimizer)]
    for other in seen.optimizers.values():
        theirs = [step.number for step in seen.steps_of(other)]
        if other is not optimizer and own and theirs and min(theirs) < max(own) and min(own) < max(theirs):
            return True
    return False


def held_numbers(optimizer: Optimizer) -> list[int]:
    """Ids of the parameters that an optimizer holds."""
    return [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]


def _is_left_out(seen: SeenSteps, steps: Sequence[OptimizerStep], number: int) -> bool:
    """Whether an optimizer that steps never finds gradient for a trainable parameter."""
    found = [step.held[number] for step in steps if number in step.held]
    is_empty = bool(found) and all(each.trainable and each.gradient == "none" for each in found)
    return is_empty and not _was_reached(seen, number)


def _was_reached(seen: SeenSteps, number: int) -> bool:
    return any(number in backward.reached for backward in seen.backwards)


def _of(seen: SeenSteps, numbers: Iterable[int]) -> list[BackwardCall]:
    wanted = set(numbers)
    return [backward for backward in seen.backwards if wanted & backward.reached]


def _others(seen: SeenSteps) -> list[Optimizer]:
    """Optimizers that exist and did not step yet, such as one whose turn comes later."""
    known = {id(optimizer) for optimizer in seen.optimizers.values()}
    found = [each for each in gc.get_objects() if issubclass(type(each), Optimizer)]
    return [each for each in found if id(each) not in known and hasattr(each, "param_groups")]
