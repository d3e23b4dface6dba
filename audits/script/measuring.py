"""The gradient of one loss alone, taken before the script's own backward pass frees its graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from audits.gradients import dense
from audits.graph import CHECKPOINT, LEAF
from audits.script.sums import Edge

GRAD = torch.autograd.grad
"""As torch has it, whoever listens to it later."""


@dataclass(frozen=True)
class Gradients:
    """By id of a leaf tensor: the norm of the gradient, None where autograd gives none."""

    norms: dict[int, float | None] = field(default_factory=dict)
    nonfinite: dict[int, int] = field(default_factory=dict)
    sizes: dict[int, float] = field(default_factory=dict)
    """The norm of the tensor itself."""
    leaves: dict[int, Tensor] = field(default_factory=dict)
    value: float = 0.0
    """Of the loss."""
    failed: str = ""

    @staticmethod
    def none(failed: str = "") -> Gradients:
        return Gradients(failed=failed)


@dataclass
class Join:
    """A node that stands above several of the graph."""

    next_functions: tuple[tuple[Any, int], ...]

    def name(self) -> str:
        return "Join"

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


@dataclass(eq=False)
class Root:
    """A loss as the walk of a graph needs it."""

    grad_fn: Any
    requires_grad: bool


def gradients(edge: Edge, index: int, given: Tensor | None, scale: float = 1.0) -> Gradients:
    """Go backward from one entry of a value, or from all with the gradient that is `given`; times `scale`, so that
    half precision holds it, and divided by that again."""
    leaves = {id(leaf): leaf for leaf in leaf_tensors(edge.node)}
    if not leaves:
        return Gradients()
    start = _start(edge, index, given) * scale
    try:
        found = _backward(edge, start, list(leaves.values()))
    except Exception as error:  # whatever somebody's backward raises
        return Gradients(leaves=leaves, failed=f"{type(error).__name__}: {error}".splitlines()[0])
    return _summary(edge, index, leaves, found, scale)


def leaf_tensors(node: Any) -> Iterator[Tensor]:
    """All that gets gradient below a node."""
    seen, stack = set(), [node]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if type(node).__name__ == LEAF:
            yield node.variable
        stack += [follower for follower, _ in node.next_functions]


def _start(edge: Edge, index: int, given: Tensor | None) -> Tensor:
    if given is not None:
        return given.detach().clone()
    start = torch.zeros_like(edge.like, memory_format=torch.contiguous_format)
    start.reshape(-1)[index] = 1
    return start


def _backward(edge: Edge, start: Tensor, leaves: list[Tensor]) -> list[Tensor | None]:
    if type(edge.node).__name__ == LEAF:
        return [start if leaf is edge.node.variable else None for leaf in leaves]
    if _is_checkpointed(edge.node):
        return _by_accumulation(edge, start, leaves)
    root = GradientEdge(edge.node, edge.output)
    return list(GRAD([root], leaves, [start], retain_graph=True, allow_unused=True))  # pyright: ignore


def _is_checkpointed(node: Any) -> bool:
    seen, stack = set(), [node]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if type(node).__name__ == CHECKPOINT:
            return True
        stack += [follower for follower, _ in node.next_functions]
    return False


def _by_accumulation(edge: Edge, start: Tensor, leaves: list[Tensor]) -> list[Tensor | None]:
    """A backward pass inside of a checkpoint's own gives to `.grad` only."""
    raise RuntimeError("a reentrant checkpoint hides what it computes: use_reentrant=False shows it")


def _summary(edge: Edge, index: int, leaves: dict[int, Tensor], found: list[Tensor | None], scale: float) -> Gradients:
    """Norms, in one question to the device."""
    present = [(key, dense(gradient)) for key, gradient in zip(leaves, found, strict=True) if gradient is not None]
    weights = [dense(leaves[key].detach()) for key, _ in present]
    like = edge.like.reshape(-1)[index].double().reshape(1)
    numbers = [gradient.double().norm().reshape(1) for _, gradient in present]
    numbers += [weight.double().norm().reshape(1) for weight in weights]
    told = torch.cat([each.to(like.device) for each in (like, *numbers)]).tolist()
    count = len(present)
    norms: dict[int, float | None] = dict.fromkeys(leaves)
    nonfinite, sizes = {}, {}
    for at, (key, gradient) in enumerate(present):
        norms[key], sizes[key] = told[1 + at] / scale, told[1 + count + at]
        if not isfinite(told[1 + at]):
            nonfinite[key] = int((~torch.isfinite(gradient)).sum())
    return Gradients(norms, nonfinite, sizes, leaves, told[0])
