"""The naive check: one backward pass per loss, in the precision at hand. Right for most traps, fooled by some."""

import random
import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from audits import Status, Target

SEES = {
    Status.ABSENT: "nothing",
    Status.FROZEN: "nothing",
    Status.LIVE: "gradient",
    Status.VACUOUS: "zero",
    Status.IDLE: "zero",
    Status.UNDERFLOW: "zero",
    Status.NONFINITE: "nonfinite",
    Status.UNKNOWN: "error",
}
"""What a backward pass shows of a module with this status, where it is not fooled."""


def backward_sees(target: Target) -> dict[tuple[str, str], str]:
    """For each loss and module at the default setting, on the first batch: one of the words in `SEES`."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {(loss, module): seen for loss in _run(target) for module, seen in _backward(target, loss).items()}


def _run(target: Target) -> dict[str, torch.Tensor]:
    random.seed(0)
    torch.manual_seed(0)
    defaults = {name: values[0] for name, values in target.gates.items()}
    return dict(target.losses(*target.batches[:1], **defaults))


def _backward(target: Target, loss: str) -> dict[str, str]:
    """One loss after a forward pass of its own."""
    modules = {name: _parameters(module) for name, module in target.named_modules.items()}
    for parameters in modules.values():
        for parameter in parameters:
            parameter.grad = None
    value = _run(target)[loss]
    try:
        if isinstance(value, torch.Tensor) and value.requires_grad:
            value.backward()
    except (RuntimeError, AttributeError):
        return dict.fromkeys(modules, "error")
    return {name: _seen(parameters) for name, parameters in modules.items()}


def _parameters(module: Any) -> list[torch.Tensor]:
    if isinstance(module, nn.Module):
        return list(module.parameters())
    return [module] if isinstance(module, torch.Tensor) else list(module)


def _seen(parameters: Iterable[torch.Tensor]) -> str:
    gradients = [parameter.grad.to_dense() for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return "nothing"
    if not all(gradient.isfinite().all() for gradient in gradients):
        return "nonfinite"
    return "gradient" if any(gradient.any() for gradient in gradients) else "zero"
