"""With which factor each scalar is in what goes backward: read off while gradient passes through the graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

MOST = 2_000
"""Nodes of a graph that are looked at."""
WIDEST = 64
"""Elements of a stack of losses."""
READS = frozenset({"item", "__float__", "tolist", "detach", "cpu", "double", "float", "clone", "numpy"})
"""Methods whose result is the number of a loss."""


@contextmanager
def factors(root: Tensor) -> Iterator[Mapping[Any, Tensor]]:
    """Filled while the graph of a root goes backward: by node, the derivative of the root by that node's output."""
    found: dict[Any, Tensor] = {}
    handles = [node.register_prehook(_keeping(node, found)) for node in scalar_nodes(root)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def scalar_nodes(root: Tensor) -> list[Any]:
    """The nodes between a root and the first tensors of more than a few elements."""
    waiting, seen = deque([root.grad_fn] if root.grad_fn is not None else []), dict[int, Any]()
    while waiting and len(seen) < MOST:
        node = waiting.popleft()
        if id(node) not in seen and _elements(node) <= WIDEST:
            seen[id(node)] = node
            waiting.extend(after for after, _ in node.next_functions if after is not None)
    return [node for node in seen.values() if _elements(node) == 1]


def _elements(node: Any) -> float:
    """Of its largest output; infinite where autograd does not tell."""
    outputs = getattr(node, "_input_metadata", None)
    return max((prod(output.shape) for output in outputs), default=0) if outputs else float("inf")


def _keeping(node: Any, found: dict[Any, Tensor]) -> Callable[..., None]:
    def keep(gradients: tuple[Tensor | None, ...]) -> None:
        given = [gradient.detach().reshape(()) for gradient in gradients if gradient is not None]
        if given:
            found[node] = sum(given[1:], given[0])

    return keep


class Readings(TorchFunctionMode):
    """Remembers of which node each number is the value that code reads of a scalar."""

    def __init__(self) -> None:
        super().__init__()
        self._nodes: dict[int, tuple[Any, Tensor]] = {}
        self._numbers: dict[float, Any] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if args and getattr(func, "__name__", "") in READS and isinstance(args[0], Tensor) and args[0].numel() == 1:
            self._read(args[0], result)
        return result

    def node_of(self, value: Any) -> Any:
        """The node that computed a loss, also where all that is left of it is its number; None where unknown."""
        if isinstance(value, Tensor):
            if value.grad_fn is not None:
                return value.grad_fn
            return self._nodes.get(_address(value), (None,))[0]
        try:
            return self._numbers.get(float(value))
        except (TypeError, ValueError):
            return None

    def _read(self, tensor: Tensor, result: Any) -> None:
        node = self.node_of(tensor)
        if node is None:
            return
        if isinstance(result, Tensor) and result.grad_fn is None:
            self._nodes[_address(result)] = node, result
        elif isinstance(result, float):
            self._numbers[result] = node


def _address(value: Tensor) -> int:
    return value.data_ptr() if value.layout is torch.strided and not value.is_meta else 0
