"""Gradients of each loss alone, over one shared forward pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from audits.graph import CHECKPOINT, Graph

Gradients = list[Tensor | None]
Visit = Callable[[str, Gradients], None]


@dataclass(frozen=True)
class Column:
    """The parameters of one module, as tensors of the graph."""

    module: str
    parameters: Sequence[Tensor]
    """Copies that stand in for the module's own."""
    originals: Sequence[Tensor] = ()
    """Which code may have kept elsewhere, in a list of its own."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Whatever the graph may hold of this module."""
        return (*self.parameters, *self.originals)


@dataclass
class Measured:
    """Gradients of every loss, as far as they were asked for."""

    norms: dict[tuple[str, str], float | None] = field(default_factory=dict)
    """By loss and module. None: no parameter of the module got a gradient."""
    nonfinite: dict[tuple[str, str], int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """By loss: why autograd could not go backward."""


def measure(
    losses: Mapping[str, Tensor], columns: Sequence[Column], graph: Graph, visit: Visit | None = None
) -> Measured:
    """Go backward from each loss. `visit` is handed each loss's gradients, in the order of all columns' parameters."""
    measured = Measured()
    wanted = _differentiable(columns)
    members = positions(columns)
    checkpointed = dict(zip(graph.losses, graph.through(CHECKPOINT), strict=True))
    for name, loss in losses.items():
        if not loss.requires_grad:
            continue
        backward = _by_backward if checkpointed[name] else _by_grad
        try:
            gradients = backward(loss, wanted)
        except RuntimeError as error:
            measured.failed[name] = str(error).splitlines()[0]
            continue
        _note(measured, name, gradients, members)
        if visit:
            visit(name, gradients)
    return measured


def _differentiable(columns: Sequence[Column]) -> list[Tensor]:
    """The parameters that take gradient, each once."""
    parameters = (parameter for column in columns for parameter in column.tensors if parameter.requires_grad)
    return list({id(parameter): parameter for parameter in parameters}.values())


def positions(columns: Sequence[Column]) -> dict[str, list[int]]:
    """Where the gradients of each module's parameters stand in what `visit` is handed."""
    position = {id(parameter): number for number, parameter in enumerate(_differentiable(columns))}
    return {
        column.module: [position[id(parameter)] for parameter in column.tensors if id(parameter) in position]
        for column in columns
    }


def _note(measured: Measured, loss: str, gradients: Gradients, members: Mapping[str, Collection[int]]) -> None:
    present = [number for number, gradient in enumerate(gradients) if gradient is not None]
    squares = dict(zip(present, _squared_norms([gradients[number] for number in present]), strict=True))
    for module, numbers in members.items():
        here = [squares[number] for number in numbers if number in squares]
        norm = sum(here) ** 0.5 if here else None
        measured.norms[loss, module] = norm
        if norm is not None and not norm < float("inf"):
            measured.nonfinite[loss, module] = sum(
                int((~torch.isfinite(_dense(gradients[number]))).sum()) for number in numbers if number in squares
            )


def _squared_norms(gradients: Sequence[Tensor | None]) -> list[float]:
    """In float64, all at once, so that a device is asked a single time."""
    if not gradients:
        return []
    dense = [_dense(gradient).double() for gradient in gradients]
    norms = torch._foreach_norm(dense)  # pyright: ignore[reportPrivateImportUsage]
    return torch.stack(norms).square().tolist()


def _dense(gradient: Tensor | None) -> Tensor:
    assert gradient is not None
    values = gradient.coalesce().values() if gradient.is_sparse else gradient
    return torch.view_as_real(values.resolve_conj()) if values.is_complex() else values


def _by_grad(loss: Tensor, parameters: Sequence[Tensor]) -> Gradients:
    return list(torch.autograd.grad(loss.sum(), parameters, retain_graph=True, allow_unused=True))


def _by_backward(loss: Tensor, parameters: Sequence[Tensor]) -> Gradients:
    """What a checkpoint that runs its own backward pass gives lands in `.grad` only. The parameters are copies."""
    before = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    try:
        loss.sum().backward(retain_graph=True)
        return [parameter.grad for parameter in parameters]
    finally:
        for parameter, gradient in zip(parameters, before, strict=True):
            parameter.grad = gradient


class Cosines:
    """Cosines of the gradients of every pair of losses, module by module."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._rows: dict[str, dict[str, Tensor]] = {column.module: {} for column in columns}

    def visit(self, loss: str, gradients: Gradients) -> None:
        """Keep what one loss gives to each module that it reaches."""
        by_parameter = dict(zip(map(id, _differentiable(self._columns)), gradients, strict=True))
        for column in self._columns:
            parts = [by_parameter.get(id(parameter)) for parameter in column.tensors]
            if any(part is not None for part in parts):
                self._rows[column.module][loss] = torch.cat(
                    [
                        _dense(part).flatten() if part is not None else _dense(torch.zeros_like(parameter)).flatten()
                        for part, parameter in zip(parts, column.tensors, strict=True)
                    ]
                )

    def result(self) -> dict[str, dict[tuple[str, str], float]]:
        """By module, by pair of losses that both reach it."""
        return {module: _pairs(rows) for module, rows in self._rows.items()}


def _pairs(rows: Mapping[str, Tensor]) -> dict[tuple[str, str], float]:
    if len(rows) < 2:
        return {}
    names = list(rows)
    unit = nn.functional.normalize(torch.stack([rows[name] for name in names]), dim=1)
    gram = (unit @ unit.T).tolist()
    return {(a, b): gram[i][j] for i, a in enumerate(names) for j, b in enumerate(names) if i < j}
