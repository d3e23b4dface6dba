"""Gradients of each loss alone, over one shared forward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import torch
from torch import Tensor

from audits.grad_hooks import Hook, run_hooks
from audits.graph import Graph
from audits.result import Pair
from audits.sketch import Sketch, sketched

Gradients = list[Tensor | None]
Visit = Callable[[str, Gradients], None]


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
    emptied: dict[Pair, str] = field(default_factory=dict)
    """Where a hook on `.grad` left nothing: its name and place."""
    failed: dict[str, str] = field(default_factory=dict)
    """By loss: why autograd could not go backward."""


def measure(
    losses: Mapping[str, Tensor],
    columns: Sequence[Column],
    graph: Graph,
    *,
    visit: Visit | None = None,
    scale: float = 1.0,
) -> Measured:
    """Go backward from each loss that is in the graph.

    `visit` is handed each loss's gradients, in the order of all columns' parameters: as they are once the hooks on
    `.grad` have run. Each loss is multiplied by `scale` before.
    """
    measured = Measured()
    wanted, members = differentiable(columns), positions(columns)
    hooks = {key: hooks for column in columns for key, hooks in column.hooks.items()}
    plain = dict(zip(graph.losses, graph.without_python(), strict=True))
    for name, loss in losses.items():
        if not loss.requires_grad:
            continue
        if loss.is_meta:
            measured.failed[name] = "the meta device has no numbers"
            continue
        try:
            start = loss.sum() if scale == 1.0 else loss.sum().float() * scale
            gradients = _by_grad(start, wanted) if plain[name] else _by_backward(start, wanted, graph)
        except Exception as error:  # whatever somebody's backward raises: it is what there is to say about this loss
            measured.failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        emptied = run_hooks(wanted, gradients, hooks) if hooks else {}
        _note(measured, name, gradients, members, emptied)
        if visit:
            visit(name, gradients)
    return measured


def positions(columns: Sequence[Column]) -> dict[str, list[int]]:
    """Where the gradients of each module's parameters stand in what `visit` is handed."""
    position = {id(parameter): number for number, parameter in enumerate(differentiable(columns))}
    return {
        column.module: [position[id(tensor)] for tensor in column.tensors if id(tensor) in position]
        for column in columns
    }


def differentiable(columns: Sequence[Column]) -> list[Tensor]:
    """The parameters that take gradient, each once."""
    parameters = (tensor for column in columns for tensor in column.tensors if tensor.requires_grad)
    return list({id(parameter): parameter for parameter in parameters}.values())


def _note(
    measured: Measured,
    loss: str,
    gradients: Gradients,
    members: Mapping[str, Sequence[int]],
    emptied: Mapping[int, str],
) -> None:
    present = {number: dense(gradient) for number, gradient in enumerate(gradients) if gradient is not None}
    found = sketched(present)
    for module, numbers in members.items():
        here = tuple(number for number in numbers if number in found)
        if not here:
            measured.norms[loss, module] = None
            continue
        sketch = Sketch(torch.stack([found[number][0] for number in here]), tuple(found[n][1] for n in here))
        measured.sketches[loss, module], measured.numbers[loss, module] = sketch, here
        measured.norms[loss, module] = norm = sketch.norm
        if not isfinite(norm):
            measured.nonfinite[loss, module] = sum(int((~torch.isfinite(present[n])).sum()) for n in here)
        elif not norm and (by := next((emptied[number] for number in here if number in emptied), None)):
            measured.emptied[loss, module] = by


def dense(gradient: Tensor) -> Tensor:
    """The entries of a gradient as real numbers, those that a sparse one leaves out left out."""
    values = gradient.coalesce().values() if gradient.is_sparse else gradient
    return torch.view_as_real(values.resolve_conj()) if values.is_complex() else values


def _by_grad(loss: Tensor, parameters: Sequence[Tensor]) -> Gradients:
    return list(torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True))


def _by_backward(loss: Tensor, parameters: Sequence[Tensor], graph: Graph) -> Gradients:
    """A backward pass inside of a Function's own backward, such as a checkpoint's, gives to `.grad` only."""
    touched = {id(tensor): tensor for tensor in (*parameters, *graph.leaf_tensors())}
    before = [(tensor, tensor.grad) for tensor in touched.values()]
    for tensor in touched.values():
        tensor.grad = None
    try:
        loss.backward(retain_graph=True)
        return [parameter.grad for parameter in parameters]
    finally:
        for tensor, gradient in before:
            tensor.grad = gradient
