"""Stopping gradients. Every stop-gradient and every gate of the project is one call of a function in this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def stop(value: Tensor) -> Tensor:
    """The same numbers without their history: sg(value)."""
    return value.detach()


def gate(value: Tensor, *, closed: bool) -> Tensor:
    """`value` itself, or stop-grad while the gate is closed."""
    return stop(value) if closed else value


def frozen(module: nn.Module) -> Callable[..., Tensor]:
    """`module` as a function whose parameters get no gradient; its inputs still do."""
    from torch.func import functional_call

    parameters = {name: stop(parameter) for name, parameter in module.named_parameters()}
    return lambda *inputs: functional_call(module, parameters, inputs)
