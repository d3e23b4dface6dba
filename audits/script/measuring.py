"""The gradient of one loss alone, taken before the script's own backward pass frees its graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from audits.gradients import dense
from audits.graph import CHECKPOINT, LEAF
from audits.script.sums import GraphOutput

GRAD, BACKWARD = torch.autograd.grad, torch.autograd.backward
"""As torch has it, whoever listens to it later."""


@dataclass(frozen=True)
class LossGradients:
    """By id of a leaf tensor: the norm of the gradient, None where autograd gives none."""

    norms: dict[int, float | None] = field(default_factory=dict)
    nonfinite: dict[int, int] = field(default_factory=dict)
    sizes: dict[int, float] = field(default_factory=dict)
    """The norm of the tensor itself."""
    leaves: dict[int, Tensor] = field(default_factory=dict)
    value: float = 0.0
    """Of the loss."""
    failed: str = ""


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


@dataclass(frozen=True)
class Start:
    """One entry of a value from which gradient goes backward, or all of them; and how much of it."""

    edge: GraphOutput
    index: int
    factor: float = 1.0
    given: Tensor | None = None

    def gradient(self) -> Tensor:
        """What the backward pass begins with."""
        if self.given is not None:
            return self.given.detach() * self.factor
        start = torch.zeros_like(self.edge.like, memory_format=torch.contiguous_format)
        start.reshape(-1)[self.index] = self.factor
        return start


def gradients(starts: Sequence[Start], scale: float = 1.0, hidden: Iterable[Tensor] = ()) -> LossGradients:
    """Go backward from several values at once; times `scale`, so that half precision holds it, and divided by that
    again. `hidden`: tensors that a reentrant checkpoint may keep from the graph."""
    nodes = [start.edge.node for start in starts]
    leaves = {id(leaf): leaf for leaf in leaf_tensors(nodes)}
    if _has_checkpoint(nodes):
        leaves |= {id(leaf): leaf for leaf in hidden}
    if not leaves:
        return LossGradients()
    try:
        found = _backward(starts, list(leaves.values()), scale)
    except Exception as error:  # whatever somebody's backward raises
        return LossGradients(leaves=leaves, failed=f"{type(error).__name__}: {error}".splitlines()[0])
    return _summary(starts[0], leaves, found, scale)


def leaf_tensors(nodes: Iterable[Any]) -> Iterator[Tensor]:
    """All that gets gradient below some nodes."""
    return (node.variable for node in _below(nodes) if type(node).__name__ == LEAF)


def _has_checkpoint(nodes: Sequence[Any]) -> bool:
    return any(type(node).__name__ == CHECKPOINT for node in _below(nodes))


def _below(nodes: Iterable[Any]) -> Iterator[Any]:
    """Some nodes, and all that they lead to."""
    seen, stack = set(), list(nodes)
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            stack += [follower for follower, _ in node.next_functions]


def _backward(starts: Sequence[Start], leaves: list[Tensor], scale: float) -> list[Tensor | None]:
    found: list[Tensor | None] = [None] * len(leaves)
    roots, given = [], []
    for start in starts:
        if type(start.edge.node).__name__ == LEAF:
            _add(found, [start.gradient() * scale if leaf is start.edge.node.variable else None for leaf in leaves])
        else:
            roots.append(GradientEdge(start.edge.node, start.edge.output))
            given.append(start.gradient() * scale)
    if _has_checkpoint([root.node for root in roots]):
        _add(found, _accumulated(roots, leaves, given))
    elif roots:
        _add(found, GRAD(roots, leaves, given, retain_graph=True, allow_unused=True))
    return found


def _accumulated(roots: Sequence[GradientEdge], leaves: list[Tensor], given: Sequence[Tensor]) -> list[Tensor | None]:
    """A backward pass inside of a checkpoint's own gives to `.grad` only, which is put back."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        raise RuntimeError("a reentrant checkpoint hides what it computes: use_reentrant=False shows it")
    tensors: list[Any] = list(leaves)
    before = [(leaf, leaf.grad, leaf._post_accumulate_grad_hooks) for leaf in tensors]
    for leaf in tensors:
        leaf.grad, leaf._post_accumulate_grad_hooks = None, None
    try:
        BACKWARD(roots, given, retain_graph=True)  # pyright: ignore[reportArgumentType]
        return [leaf.grad for leaf in tensors]
    finally:
        for leaf, gradient, hooks in before:
            leaf.grad, leaf._post_accumulate_grad_hooks = gradient, hooks


def _add(found: list[Tensor | None], more: Iterable[Tensor | None]) -> None:
    for number, gradient in enumerate(more):
        if gradient is not None:
            before = found[number]
            found[number] = gradient if before is None else before + gradient


def _summary(start: Start, leaves: dict[int, Tensor], found: list[Tensor | None], scale: float) -> LossGradients:
    """Norms, in one question to the device."""
    present = [(key, dense(gradient)) for key, gradient in zip(leaves, found, strict=True) if gradient is not None]
    weights = [dense(leaves[key].detach()) for key, _ in present]
    like = start.edge.like.reshape(-1)[start.index].double().reshape(1)
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
    return LossGradients(norms, nonfinite, sizes, leaves, told[0])
