"""Graphs that outlive a trainer's own backward pass, so that an audit can go backward after it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch


@contextmanager
def retained_graphs() -> Iterator[None]:
    """Inside, `backward()` and `torch.autograd.grad` keep the graph, whether or not they are asked to."""
    backward, grad = torch.autograd.backward, torch.autograd.grad
    torch.autograd.backward, torch.autograd.grad = _retaining(backward), _retaining(grad)
    try:
        yield
    finally:
        torch.autograd.backward, torch.autograd.grad = backward, grad


def _retaining(function: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        given.arguments["retain_graph"] = True
        return function(*given.args, **given.kwargs)

    return call
