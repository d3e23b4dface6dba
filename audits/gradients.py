"""Gradients of each loss alone, over one shared forward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from audits.graph import Graph
from audits.result import Pair

Gradients = list[Tensor | None]
Visit = Callable[[str, Gradients], None]

SAMPLE = 64
"""Entries of one parameter's gradient that are kept to compare directions."""
PROMINENT = 0.1
"""Only a parameter with this part of the largest norm in its module is sampled: others may be zero by symmetry."""


@dataclass(frozen=True)
class Column:
    """The parameters of one module, as tensors of the graph."""

    module: str
    parameters: Sequence[Tensor]
    """The module's own; they hold copies."""
    aliases: Sequence[Sequence[Tensor]] = ()
    """Of each parameter: what graphs hold in its place that existed before the pass, or before a step in it."""

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
    samples: dict[Pair, Sample] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """By loss: why autograd could not go backward."""


@dataclass(frozen=True)
class Sample:
    """A few entries of a gradient: which parameter's, in the order of all columns, and their values."""

    parameter: int
    values: tuple[float, ...]


def measure(
    losses: Mapping[str, Tensor],
    columns: Sequence[Column],
    graph: Graph,
    *,
    visit: Visit | None = None,
    like: Measured | None = None,
) -> Measured:
    """Go backward from each loss that is in the graph.

    `visit` is handed each loss's gradients, in the order of all columns' parameters. Samples are of the same parameters
    as in `like`.
    """
    measured = Measured()
    wanted, members = _differentiable(columns), positions(columns)
    plain = dict(zip(graph.losses, graph.without_python(), strict=True))
    for name, loss in losses.items():
        if not loss.requires_grad:
            continue
        if loss.is_meta:
            measured.failed[name] = "the meta device has no numbers"
            continue
        try:
            gradients = _by_grad(loss, wanted) if plain[name] else _by_backward(loss, wanted, graph)
        except Exception as error:  # whatever somebody's backward raises: it is what there is to say about this loss
            measured.failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        _note(measured, name, gradients, members, like)
        if visit:
            visit(name, gradients)
    return measured


def positions(columns: Sequence[Column]) -> dict[str, list[int]]:
    """Where the gradients of each module's parameters stand in what `visit` is handed."""
    position = {id(parameter): number for number, parameter in enumerate(_differentiable(columns))}
    return {
        column.module: [position[id(tensor)] for tensor in column.tensors if id(tensor) in position]
        for column in columns
    }


def _differentiable(columns: Sequence[Column]) -> list[Tensor]:
    """The parameters that take gradient, each once."""
    parameters = (tensor for column in columns for tensor in column.tensors if tensor.requires_grad)
    return list({id(parameter): parameter for parameter in parameters}.values())


def _note(
    measured: Measured, loss: str, gradients: Gradients, members: Mapping[str, Sequence[int]], like: Measured | None
) -> None:
    present = {number: dense(gradient) for number, gradient in enumerate(gradients) if gradient is not None}
    norms = dict(zip(present, _norms(list(present.values())), strict=True))
    chosen: dict[Pair, int] = {}
    for module, numbers in members.items():
        here = {number: norms[number] for number in numbers if number in norms}
        norm = sum(value**2 for value in here.values()) ** 0.5 if here else None
        measured.norms[loss, module] = norm
        if norm is not None and not norm < float("inf"):
            measured.nonfinite[loss, module] = sum(int((~torch.isfinite(present[n])).sum()) for n in here)
        elif norm:
            chosen[loss, module] = _prominent((loss, module), here, present, like)
    parts = [present[number].flatten()[:SAMPLE] for number in chosen.values()]
    values = torch.cat([part.double() for part in parts]).tolist() if parts else []
    for (pair, number), part in zip(chosen.items(), parts, strict=True):
        measured.samples[pair] = Sample(number, tuple(values[: len(part)]))
        values = values[len(part) :]


def _prominent(pair: Pair, norms: Mapping[int, float], present: Mapping[int, Tensor], like: Measured | None) -> int:
    """The smallest parameter whose gradient is not small, or the one that was chosen before."""
    if like and pair in like.samples and like.samples[pair].parameter in norms:
        return like.samples[pair].parameter
    least = PROMINENT * max(norms.values())
    return min((n for n, norm in norms.items() if norm >= least), key=lambda number: present[number].numel())


def _norms(gradients: list[Tensor]) -> list[float]:
    """In float64, all at once, so that a device is asked a single time."""
    if not gradients:
        return []
    norms = torch._foreach_norm([gradient.double() for gradient in gradients])  # pyright: ignore[reportPrivateImportUsage]
    return torch.stack(norms).tolist()


def dense(gradient: Tensor) -> Tensor:
    """The entries of a gradient as real numbers, those that a sparse one leaves out left out."""
    values = gradient.coalesce().values() if gradient.is_sparse else gradient
    return torch.view_as_real(values.resolve_conj()) if values.is_complex() else values


def _by_grad(loss: Tensor, parameters: Sequence[Tensor]) -> Gradients:
    return list(torch.autograd.grad(loss.sum(), parameters, retain_graph=True, allow_unused=True))


def _by_backward(loss: Tensor, parameters: Sequence[Tensor], graph: Graph) -> Gradients:
    """A backward pass inside of a Function's own backward, such as a checkpoint's, gives to `.grad` only."""
    touched = {id(tensor): tensor for tensor in (*parameters, *graph.leaf_tensors())}
    before = [(tensor, tensor.grad) for tensor in touched.values()]
    for tensor in touched.values():
        tensor.grad = None
    try:
        loss.sum().backward(retain_graph=True)
        return [parameter.grad for parameter in parameters]
    finally:
        for tensor, gradient in before:
            tensor.grad = gradient
