"""What can make a gradient other than the derivative of its loss: custom Functions and hooks on the way."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from audits.forward import Forward
from audits.grad_hooks import named
from audits.gradients import Column
from audits.places import Place
from audits.recording.recorder import Recording
from audits.result import Pair


def suspects(run: Forward, recording: Recording) -> dict[Pair, str]:
    """By pair of loss and module: each of them, with its place."""
    functions = {node: _function(type(node)._forward_cls) for node in run.graph.custom()}
    hooks = {node: f"a hook at {place}" for node, place in recording.hooks.items()}
    what = {**functions, **hooks}
    columns = [column.tensors for column in run.columns]
    found: dict[Pair, dict[str, None]] = {}
    for (loss, column), nodes in run.graph.passing(what.keys(), columns).items():
        pair = run.graph.losses[loss], run.columns[column].module
        found.setdefault(pair, {}).update(dict.fromkeys(what[node] for node in nodes))
    for column in run.columns:
        for tensor in column.parameters:
            if names := [f"the hook {named(hook)}" for hook in _hooks(column, tensor)]:
                for loss, count in zip(run.graph.losses, run.graph.reached([tensor]), strict=True):
                    if count:
                        found.setdefault((loss, column.module), {}).update(dict.fromkeys(names))
    return {pair: " and ".join(names) for pair, names in found.items()}


def _hooks(column: Column, tensor: Tensor) -> list[Any]:
    """On the gradient of a parameter, and on its `.grad`."""
    return [*(tensor._backward_hooks or {}).values(), *column.hooks.get(id(tensor), ())]


def _function(function: Any) -> str:
    """``Reverse.backward at trainer.py:12``; of a module's backward hooks, that they are there."""
    if function.__module__.partition(".")[0] == "torch":
        return "a backward hook of a module"
    backward: Any = function.backward
    while hasattr(backward, "__wrapped__"):
        backward = backward.__wrapped__
    code = getattr(backward, "__code__", None)
    place = (
        f" at {Place(code.co_filename, code.co_firstlineno, function.__module__, function.__name__)}" if code else ""
    )
    return f"{function.__name__}.backward{place}"
