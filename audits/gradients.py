"""Gradients of each loss alone, over one shared forward pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import torch
from torch import Tensor

from audits.backward import Backward
from audits.bottleneck import is_silent
from audits.grad_hooks import Hook
from audits.graph import Graph
from audits.result import Pair
from audits.sketch import Sketch, Sketches

Parts = Mapping[str, Collection[int]]
"""By loss: the numbers of some parameters."""
Take = Callable[[str, int, Tensor], None]
"""Is handed a gradient: of which loss, the number of the parameter, and what the hooks on `.grad` have left of it."""


@dataclass(frozen=True)
class Column:
    """The parameters of one module, as tensors of the graph."""

    module: str
    parameters: Sequence[Tensor]
    """The module's own; they hold copies."""
    aliases: Sequence[Sequence[Tensor]] = ()
    """Of each parameter: what graphs hold in its place that existed before the pass, or before a step in it."""
    hooks: Mapping[int, Sequence[Hook]] = field(default_factory=dict)
    """By id of a tensor: what its owner does to its `.grad` as soon as it is complete."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Whatever the graph may hold of this module."""
        return (*self.parameters, *(alias for aliases in self.aliases for alias in aliases))


@dataclass
class Measured:
    """Gradients of every loss, as far as they were asked for."""

    norms: dict[Pair, float | None] = field(default_factory=dict)
    """None: no parameter of the module got a gradient."""
    nonfinite: dict[Pair, int] = field(default_factory=dict)
    sketches: dict[Pair, Sketch] = field(default_factory=dict)
    """Of each module that got a gradient, a row for each of its parameters that did."""
    numbers: dict[Pair, tuple[int, ...]] = field(default_factory=dict)
    """Which parameters those are, in the order of all columns."""
    arrived: dict[str, list[int]] = field(default_factory=dict)
    """By loss: numbers of parameters, those first whose gradient was complete first."""
    emptied: dict[Pair, str] = field(default_factory=dict)
    """Where a hook on `.grad` left nothing: its name and place."""
    failed: dict[str, str] = field(default_factory=dict)
    """By loss: why autograd could not go backward."""

    def at(self, only: Parts) -> Measured:
        """What would have been measured by going backward from these losses, to these of their parameters only."""
        found = Measured(failed={loss: why for loss, why in self.failed.items() if loss in only})
        for pair, numbers in self.numbers.items():
            rows = [row for row, number in enumerate(numbers) if number in only.get(pair[0], ())]
            if rows:
                found.numbers[pair] = tuple(numbers[row] for row in rows)
                found.sketches[pair] = self.sketches[pair].at(rows)
                found.norms[pair] = found.sketches[pair].norm
        return found


def measure(
    losses: Mapping[str, Tensor],
    columns: Sequence[Column],
    graph: Graph,
    *,
    take: Take | None = None,
    scale: float = 1.0,
    only: Parts | None = None,
    perhaps_silent: Collection[str] = (),
) -> Measured:
    """Go backward from each loss that is in the graph.

    `take` is handed each gradient as soon as it is there, and nothing else keeps it. The numbers are those of
    `positions`. Each loss is multiplied by `scale` before. `only`: the numbers of the parameters that are asked for, by
    loss; autograd goes no further than to them. `perhaps_silent`: losses that are asked first whether their gradient is
    zero already close to them.
    """
    measured, members, parameters = Measured(), positions(columns), differentiable(columns)
    with backward_of(columns, graph) as backward:
        for name, loss in losses.items():
            if not loss.requires_grad:
                continue
            if loss.is_meta:
                measured.failed[name] = "the meta device has no numbers"
                continue
            asked = range(len(parameters)) if only is None else only[name]
            if name in perhaps_silent and is_silent(name, loss, graph, [parameters[number] for number in asked]):
                measured.norms |= {(name, column.module): 0.0 for column in columns if _is_reached(name, column, graph)}
                continue
            sketches, order = Sketches(), measured.arrived.setdefault(name, [])

            def arrived(
                number: int,
                gradient: Tensor,
                name: str = name,
                sketches: Sketches = sketches,
                order: list[int] = order,
            ) -> None:
                order.append(number)
                sketches.take(number, dense(gradient))
                if take:
                    take(name, number, gradient)

            try:
                emptied = backward.go(name, loss.sum() if scale == 1.0 else loss.sum().float() * scale, arrived, asked)
            except Exception as error:  # whatever somebody's backward raises: there is no more to say about this loss
                measured.failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
                continue
            sketches.finish()
            _note(measured, name, sketches, members, emptied)
    return measured


def _is_reached(loss: str, column: Column, graph: Graph) -> bool:
    return graph.reached(column.tensors)[graph.losses.index(loss)] > 0


def backward_of(columns: Sequence[Column], graph: Graph) -> Backward:
    """To all parameters, under the numbers of `positions`."""
    hooks = {key: hooks for column in columns for key, hooks in column.hooks.items()}
    return Backward(differentiable(columns), hooks, graph)


def positions(columns: Sequence[Column]) -> dict[str, list[int]]:
    """Of each module: the numbers of its parameters, by which their gradients are known."""
    position = {id(parameter): number for number, parameter in enumerate(differentiable(columns))}
    return {
        column.module: [position[id(tensor)] for tensor in column.tensors if id(tensor) in position]
        for column in columns
    }


def parts(pairs: Collection[Pair], columns: Sequence[Column]) -> dict[str, set[int]]:
    """All parameters of the modules of some pairs."""
    numbers, found = positions(columns), dict[str, set[int]]()
    for loss, module in pairs:
        found.setdefault(loss, set()).update(numbers[module])
    return found


def differentiable(columns: Sequence[Column]) -> list[Tensor]:
    """The parameters that take gradient, each once."""
    parameters = (tensor for column in columns for tensor in column.tensors if tensor.requires_grad)
    return list({id(parameter): parameter for parameter in parameters}.values())


def _note(
    measured: Measured,
    loss: str,
    found: Sketches,
    members: Mapping[str, Sequence[int]],
    emptied: Mapping[int, str],
) -> None:
    for module, numbers in members.items():
        here = tuple(number for number in numbers if number in found)
        if not here:
            measured.norms[loss, module] = None
            continue
        measured.sketches[loss, module], measured.numbers[loss, module] = found.of(here), here
        measured.norms[loss, module] = norm = measured.sketches[loss, module].norm
        if not isfinite(norm):
            measured.nonfinite[loss, module] = found.nonfinite(here)
        elif not norm and (by := next((emptied[number] for number in here if number in emptied), None)):
            measured.emptied[loss, module] = by


def dense(gradient: Tensor) -> Tensor:
    """The entries of a gradient as real numbers, those that a sparse one leaves out left out."""
    values = gradient.coalesce().values() if gradient.is_sparse else gradient
    return torch.view_as_real(values.resolve_conj()) if values.is_complex() else values
