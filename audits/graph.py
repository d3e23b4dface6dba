"""The autograd graph of several losses, walked once for all of them.

Paths are counted in topological order: a node has as many paths from a loss as its consumers have together. The counts
of all losses travel in one Python integer, each loss in a lane of its own, so that an edge costs one addition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from math import prod
from typing import Any

import torch
from torch import Tensor

Node = Any

LEAF = "AccumulateGrad"
CHECKPOINT, COMPILED = "CheckpointFunctionBackward", "CompiledFunctionBackward"
HALVES = frozenset({torch.float16, torch.bfloat16})
UNKNOWN = 2**14
"""Numbers that a result is taken to have where nobody can tell."""


class Graph:
    """Every node below some losses; `nodes` and `following` are in topological order, losses first."""

    def __init__(self, losses: Mapping[str, Tensor]) -> None:
        self.losses = tuple(losses)
        self.roots = [_root(loss) for loss in losses.values()]
        self.nodes, self.following = _sorted(self.roots)
        self._counts, self._width = self._count()
        self.leaves = {
            id(node.variable): number for number, node in enumerate(self.nodes) if type(node).__name__ == LEAF
        }
        """By id of a tensor that gets gradient: the number of its node."""
        self.thawed = [leaf for leaf in self.leaf_tensors() if not leaf.requires_grad]
        """Tensors that the trainer froze after it had used them; they take gradient again."""
        for leaf in self.thawed:
            leaf.requires_grad_()

    def paths(self, leaves: Iterable[Tensor]) -> list[int]:
        """How many paths lead from each loss to some leaf tensors together."""
        numbers = {self.leaves[id(leaf)] for leaf in leaves if id(leaf) in self.leaves}
        return [sum(self._lane(number, loss) for number in numbers) for loss in range(len(self.losses))]

    def reached(self, leaves: Iterable[Tensor]) -> list[int]:
        """How many of some leaf tensors each loss has a path to."""
        numbers = [self.leaves[id(leaf)] for leaf in leaves if id(leaf) in self.leaves]
        return [sum(self._lane(number, loss) > 0 for number in numbers) for loss in range(len(self.losses))]

    def depths(self) -> dict[int, int]:
        """By id of a leaf tensor: how many nodes lie on the longest path from a loss to it."""
        depths = [0] * len(self.nodes)
        for number, followers in enumerate(self.following):
            for follower in followers:
                depths[follower] = max(depths[follower], depths[number] + 1)
        return {leaf: depths[number] for leaf, number in self.leaves.items()}

    def leading_to(self, leaves: Iterable[Tensor]) -> set[Node]:
        """The nodes from which there is a way to some leaf tensors."""
        leads = [False] * len(self.nodes)
        for leaf in leaves:
            if id(leaf) in self.leaves:
                leads[self.leaves[id(leaf)]] = True
        for number in range(len(self.nodes) - 1, -1, -1):
            leads[number] = leads[number] or any(leads[follower] for follower in self.following[number])
        return {node for node, does in zip(self.nodes, leads, strict=True) if does}

    def first(self, loss: str, count: int, among: Collection[Node]) -> list[Node]:
        """So many of some nodes below a loss, each behind all that lie between it and the loss."""
        at = self.losses.index(loss)
        below = (node for number, node in enumerate(self.nodes) if node in among and self._lane(number, at))
        return list(islice(below, count))

    def is_half(self) -> bool:
        """Whether some node's result has fewer digits, or a smaller range, than float32."""
        return any(given.dtype in HALVES for node in self.nodes for given in node._input_metadata)

    def size(self) -> float:
        """How many numbers a node's result has, on average."""
        sizes = [entries(node, output) for node in self.nodes for output in range(len(node._input_metadata))]
        return sum(sizes) / len(sizes) if sizes else 0.0

    def through(self, name: str) -> list[bool]:
        """Whether each loss has a path through a custom Function of this name."""
        numbers = [number for number, node in enumerate(self.nodes) if _is_python(node) and node.name() == name]
        return [any(self._lane(number, loss) for number in numbers) for loss in range(len(self.losses))]

    def without_python(self) -> list[bool]:
        """Whether each loss has no path through any custom Function."""
        numbers = [number for number, node in enumerate(self.nodes) if _is_python(node)]
        return [not any(self._lane(number, loss) for number in numbers) for loss in range(len(self.losses))]

    def passing(
        self, marked: Collection[Node], columns: Sequence[Iterable[Tensor]]
    ) -> dict[tuple[int, int], list[Node]]:
        """By loss and by group of leaf tensors: the nodes among `marked` that lie on a path between them."""
        numbers = [number for number, node in enumerate(self.nodes) if node in marked]
        if not numbers:
            return {}
        below = [0] * len(self.nodes)
        for column, leaves in enumerate(columns):
            for number in {self.leaves[id(leaf)] for leaf in leaves if id(leaf) in self.leaves}:
                below[number] |= 1 << column
        for number in range(len(self.nodes) - 1, -1, -1):
            for follower in self.following[number]:
                below[number] |= below[follower]
        found: dict[tuple[int, int], list[Node]] = {}
        for number in numbers:
            for loss in range(len(self.losses)):
                for column in range(len(columns)) if self._lane(number, loss) else ():
                    if below[number] >> column & 1:
                        found.setdefault((loss, column), []).append(self.nodes[number])
        return found

    def custom(self) -> list[Node]:
        """The nodes of Functions that somebody wrote, and those of backward hooks on modules."""
        return [node for node in self.nodes if _is_python(node) and _is_custom(type(node)._forward_cls)]

    def leaf_tensors(self) -> list[Tensor]:
        """All tensors that get gradient, whoever they belong to."""
        return [self.nodes[number].variable for number in self.leaves.values()]

    def shortest(self, loss: str, leaves: Iterable[Tensor]) -> list[Node]:
        """The nodes of a shortest path from a loss to one of some leaf tensors, the loss's first; empty without one."""
        goals = {self.leaves[id(leaf)] for leaf in leaves if id(leaf) in self.leaves}
        root = self.roots[self.losses.index(loss)]
        if root is None:
            return []
        start = self.nodes.index(root)
        came_from, queue = {start: start}, deque([start])
        while queue:
            number = queue.popleft()
            if number in goals:
                return [self.nodes[step] for step in _backwards(came_from, number)]
            for follower in self.following[number]:
                if follower not in came_from:
                    came_from[follower] = number
                    queue.append(follower)
        return []

    def _count(self) -> tuple[list[int], int]:
        total = self._propagate([1] * len(self.roots))
        width = max(total, default=1).bit_length() + len(self.roots).bit_length()
        return self._propagate([1 << width * lane for lane in range(len(self.roots))]), width

    def _propagate(self, starts: list[int]) -> list[int]:
        counts = [0] * len(self.nodes)
        number_of = {node: number for number, node in enumerate(self.nodes)}
        for root, start in zip(self.roots, starts, strict=True):
            if root is not None:
                counts[number_of[root]] += start
        for number, followers in enumerate(self.following):
            count = counts[number]
            for follower in followers:
                counts[follower] += count
        return counts

    def _lane(self, number: int, loss: int) -> int:
        return self._counts[number] >> self._width * loss & (1 << self._width) - 1


def _sorted(roots: list[Node]) -> tuple[list[Node], list[list[int]]]:
    """All nodes below the roots in topological order, and the numbers of the nodes that follow each."""
    found: dict[Node, list[Node]] = {}
    waiting: dict[Node, int] = dict.fromkeys((root for root in roots if root is not None), 0)
    stack = list(waiting)
    while stack:
        node = stack.pop()
        if node in found:
            continue
        found[node] = followers = [follower for follower, _ in node.next_functions if follower is not None]
        for follower in followers:
            waiting[follower] = waiting.get(follower, 0) + 1
            if follower not in found:
                stack.append(follower)
    ready = [node for node, consumers in waiting.items() if not consumers]
    order: list[Node] = []
    while ready:
        node = ready.pop()
        order.append(node)
        for follower in found[node]:
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)
    numbers = {node: number for number, node in enumerate(order)}
    return order, [[numbers[follower] for follower in found[node]] for node in order]


def entries(node: Node, output: int) -> int:
    """How many numbers a result of a node has; of a nested tensor, which has no one shape, `UNKNOWN`."""
    if hasattr(node, "variable"):
        return node.variable.numel()
    given = node._input_metadata[output]
    return UNKNOWN if given.is_nested_tensor else prod(given.shape)


def python_functions(path: Iterable[Node]) -> list[str]:
    """Names of the custom autograd Functions among some nodes."""
    names = (node.name() for node in path if _is_python(node))
    return [name.removesuffix("Backward") for name in names]


def _is_python(node: Node) -> bool:
    return isinstance(node, torch.autograd.function.BackwardCFunction)


def _is_custom(function: type) -> bool:
    return function.__module__.partition(".")[0] != "torch" or function.__name__ == "BackwardHookFunction"


def _root(loss: Tensor) -> Node | None:
    """Where the graph of a loss begins; a loss that is a parameter is its own leaf. None: it is in no graph."""
    if loss.grad_fn is not None or not loss.requires_grad:
        return loss.grad_fn
    return loss.view_as(loss).grad_fn.next_functions[0][0]  # pyright: ignore[reportOptionalMemberAccess]


def _backwards(came_from: dict[int, int], number: int) -> list[int]:
    steps = [number]
    while came_from[number] != number:
        number = came_from[number]
        steps.append(number)
    return steps[::-1]
