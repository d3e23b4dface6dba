"""Where all gradient of a loss passes: what is zero there is zero behind it, and autograd need not go there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from audits.graph import LEAF, Graph

NEAR = (8, 48)
"""So many nodes from a loss are looked at; and, where something is left of its gradient there, so many."""

Node = Any


def is_silent(name: str, loss: Tensor, graph: Graph, leaves: Iterable[Tensor]) -> bool:
    """Whether the gradient of a loss is zero close to it, on its ways to some parameters, and so for them.

    That holds where nobody changes gradients on the way: a custom Function or a hook may make something of nothing.
    """
    leading = graph.leading_to(leaves)
    return any(_is_zero(loss, bottleneck(graph.first(name, count, leading), leading)) for count in NEAR)


def _is_zero(loss: Tensor, edges: Sequence[GradientEdge]) -> bool:
    if not edges:
        return False
    try:
        found = torch.autograd.grad(loss.sum(), edges, retain_graph=True, allow_unused=True)
        return all(gradient is None or not _has_any(gradient) for gradient in found)
    except Exception:  # whatever somebody's backward, or another kind of tensor, raises: all parameters will tell
        return False


def bottleneck(near: Iterable[Node], leading: Collection[Node]) -> list[GradientEdge]:
    """The results of the farthest of some nodes that all ways over `leading` ones pass; nothing without one.

    The nodes are those nearest to a loss, each behind all that lie between it and the loss.
    """
    farthest, outputs, open_ = None, dict[Node, set[int]](), set[Node]()
    for node in near:
        followers = [(follower, output) for follower, output in node.next_functions if follower in leading]
        for follower, output in followers:
            outputs.setdefault(follower, set()).add(output)
        if followers:  # a leaf stays: a way ends there
            open_.discard(node)
            open_.update(follower for follower, _ in followers)
        only = next(iter(open_)) if len(open_) == 1 else None
        if only is not None and type(only).__name__ != LEAF:
            farthest = only
    if farthest is None:
        return []
    return [GradientEdge(farthest, output) for output in sorted(outputs[farthest])]


def _has_any(gradient: Tensor) -> bool:
    """NaN counts."""
    values = gradient.coalesce().values() if gradient.is_sparse else gradient
    return bool((values != 0).any())
