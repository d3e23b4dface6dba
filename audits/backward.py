"""Backward passes that hand on each gradient as soon as it is complete, so that no two are kept that need not be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor

from audits.grad_hooks import Hook, run_hooks
from audits.graph import Graph

Arrived = Callable[[int, Tensor], None]
"""Is handed the number of a parameter and its gradient."""


class Backward:
    """Goes backward from one loss after the other. Entered, each parameter has one more hook, which takes its gradient
    and leaves autograd a zero without memory."""

    def __init__(self, parameters: Sequence[Tensor], hooks: Mapping[int, Sequence[Hook]], graph: Graph) -> None:
        """`hooks`: by id of a parameter, what its owner does to its `.grad`."""
        self._parameters, self._hooks, self._graph = parameters, hooks, graph
        self._plain = dict(zip(graph.losses, graph.without_python(), strict=True))
        self._arrived: Arrived | None = None
        self._undo = ExitStack()

    def __enter__(self) -> Backward:
        for number, tensor in enumerate(self._parameters):
            if id(tensor) not in self._hooks:
                self._undo.callback(_put_back, tensor, tensor._backward_hooks)
                self._undo.callback(tensor.register_hook(partial(self._take, number)).remove)
        return self

    def __exit__(self, *raised: object) -> None:
        self._undo.close()

    def go(self, name: str, loss: Tensor, arrived: Arrived, only: Collection[int] | None = None) -> dict[int, str]:
        """From the loss of this name to all parameters, or to those with some numbers.

        Gradients arrive as the hooks on `.grad` leave them. Gives the numbers of those of which they leave nothing,
        each with the hook that took it.
        """
        numbers = range(len(self._parameters)) if only is None else sorted(only)
        wanted = [self._parameters[number] for number in numbers]
        gradients = self._by_grad(loss, wanted, arrived) if self._plain[name] else self._by_backward(loss, wanted)
        left = {
            number: gradient
            for number, gradient in zip(numbers, gradients, strict=True)
            if gradient is not None and not (self._plain[name] and self._takes(number, gradient))
        }
        del gradients
        emptied = run_hooks(self._parameters, left, self._hooks) if self._hooks else {}
        for number in list(left):
            arrived(number, left.pop(number))
        return emptied

    def _take(self, number: int, gradient: Tensor) -> Tensor | None:
        if self._arrived is None or not self._takes(number, gradient):
            return None
        self._arrived(number, gradient)
        return gradient.new_zeros(()).expand_as(gradient)

    def _takes(self, number: int, gradient: Tensor) -> bool:
        """Whether a gradient is taken as it arrives. A sparse one is small; one of another kind may allow no zero."""
        is_plain = type(gradient) is Tensor and gradient.layout is torch.strided
        return is_plain and id(self._parameters[number]) not in self._hooks

    def _by_grad(self, loss: Tensor, wanted: Sequence[Tensor], arrived: Arrived) -> Sequence[Tensor | None]:
        self._arrived = arrived
        try:
            return torch.autograd.grad(loss, wanted, retain_graph=True, allow_unused=True)
        finally:
            self._arrived = None

    def _by_backward(self, loss: Tensor, wanted: Sequence[Tensor]) -> Sequence[Tensor | None]:
        """A backward pass inside of a Function's own backward, such as a checkpoint's, gives to `.grad` only."""
        touched = {id(tensor): tensor for tensor in (*self._parameters, *self._graph.leaf_tensors())}
        before = [(tensor, tensor.grad) for tensor in touched.values()]
        for tensor in touched.values():
            tensor.grad = None
        try:
            loss.backward(retain_graph=True)
            return [parameter.grad for parameter in wanted]
        finally:
            for tensor, gradient in before:
                tensor.grad = gradient


def _put_back(tensor: Tensor, hooks: Any) -> None:
    if hooks is None:
        tensor._backward_hooks = None
