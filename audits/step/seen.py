"""All that was watched, under the names of the trainer: what findings and moves are made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from torch import Tensor, nn
from torch.optim.optimizer import Optimizer

from audits.places import Place
from audits.step.events import BackwardCall, OptimizerStep, TensorChange
from audits.step.sources import place_outside
from audits.step.watcher import Watcher
from audits.target import Named, parameters_of


class SeenSteps:
    """A watch that has ended, and what the trainer calls its parts."""

    def __init__(
        self,
        watcher: Watcher,
        columns: Mapping[str, Named],
        optimizers: Mapping[str, Optimizer],
        weights: Mapping[str, float] | None = None,
        losses: Iterable[str] = (),
        rounds: Sequence[Mapping[str, object]] = (),
    ) -> None:
        """`losses` and `weights` are what the trainer declares, `rounds` by round the node of each loss it returned."""
        self.watcher, self.columns, self.declared = watcher, columns, optimizers
        self.weights, self.losses, self.rounds = dict(weights or {}), tuple(losses), rounds
        self.backwards: Sequence[BackwardCall] = watcher.backwards
        self.steps: Sequence[OptimizerStep] = [step for step in watcher.steps if not self._is_wrapped(step)]

    @cached_property
    def optimizers(self) -> dict[str, Optimizer]:
        """By name: those that the trainer names, then those that stepped."""
        named = dict(self.declared)
        known = {id(optimizer) for optimizer in named.values()}
        for step in self.steps:
            if id(step.optimizer) not in known:
                known.add(id(step.optimizer))
                name, again = step.text or "optimizer", 2
                while name in named:
                    name, again = f"{step.text} ({again})", again + 1
                named[name] = step.optimizer
        return named

    def name(self, optimizer: Optimizer) -> str:
        """Of an optimizer that stepped."""
        return next((name for name, each in self.optimizers.items() if each is optimizer), "optimizer")

    def steps_of(self, optimizer: Optimizer) -> list[OptimizerStep]:
        """In their order."""
        return [step for step in self.steps if step.optimizer is optimizer]

    @cached_property
    def parameters(self) -> dict[str, dict[int, str]]:
        """By column, then by id: the names of its parameters, from the column on."""
        found: dict[str, dict[int, str]] = {}
        for column, value in self.columns.items():
            if isinstance(value, nn.Module):
                found[column] = {id(each): f"{column}.{name}" for name, each in value.named_parameters()}
            else:
                given = list(parameters_of(value))
                found[column] = {
                    id(each): f"{column}[{at}]" if len(given) > 1 else column for at, each in enumerate(given)
                }
        return found

    @cached_property
    def buffers(self) -> dict[str, dict[int, str]]:
        """The same of buffers."""
        return {
            column: {id(each): f"{column}.{name}" for name, each in value.named_buffers()}
            for column, value in self.columns.items()
            if isinstance(value, nn.Module)
        }

    @cached_property
    def tensors(self) -> dict[int, Tensor]:
        """Every parameter of a module that is named or ran, by id."""
        found = {id(each): each for module in self.watcher.modules.values() for each in module.parameters()}
        return found | {id(each): each for value in self.columns.values() for each in parameters_of(value)}

    @cached_property
    def in_modules(self) -> set[int]:
        """Ids of all parameters of modules."""
        return set(self.tensors)

    def called(self, number: int) -> str:
        """The name of a parameter: from its column on, or else from the module that has it."""
        for names in self.parameters.values():
            if number in names:
                return names[number]
        for module in self.watcher.modules.values():
            for name, each in module.named_parameters(recurse=False):
                if id(each) == number:
                    return f"{type(module).__name__}.{name}"
        return "a parameter"

    def column(self, number: int) -> str:
        """The column of a parameter; empty for one of a module that is not named."""
        return next((column for column, names in self.parameters.items() if number in names), "")

    def place_of_call(self, module: nn.Module) -> Place | None:
        """Where a part of a module was first called from the outside; None where none ran."""
        parts = list(module.modules())
        callers = next((self.watcher.called[id(part)] for part in parts if id(part) in self.watcher.called), [])
        return place_outside(callers, {id(part) for part in parts})

    def by_column(self, numbers: Iterable[int]) -> Iterator[tuple[str, list[int]]]:
        """Parameters with those of their column."""
        groups: dict[str, list[int]] = {}
        for number in numbers:
            groups.setdefault(self.column(number), []).append(number)
        yield from groups.items()

    @cached_property
    def outside(self) -> dict[int, list[TensorChange]]:
        """By id: what moved outside of optimizer steps."""
        found: dict[int, list[TensorChange]] = {}
        for event in self.watcher.outside:
            for number, change in event.moved.items():
                found.setdefault(number, []).append(change)
        return found

    @cached_property
    def moved(self) -> set[int]:
        """Ids of all that moved at all."""
        return {number for step in self.watcher.steps for number in step.moved} | set(self.outside)

    def _is_wrapped(self, step: OptimizerStep) -> bool:
        """Whether it happened in the step of a wrapper that holds the same parameters."""
        outer = step.within
        return outer is not None and outer.param_groups is step.optimizer.param_groups
