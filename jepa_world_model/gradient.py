"""Stopping gradients. Every stop-gradient and every gate of the project is one call of a function in this file."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.func import functional_call


def stop(value: Tensor) -> Tensor:
    """The same numbers without their history: sg(value)."""
    return value.detach()


def gate(value: Tensor, *, closed: bool) -> Tensor:
    """`value` itself, or stop-grad while the gate is closed."""
    return stop(value) if closed else value


def frozen(module: nn.Module) -> Callable[..., Tensor]:
    """`module` as a function whose parameters get no gradient; its inputs still do."""
    parameters = {name: stop(parameter) for name, parameter in module.named_parameters()}
    return lambda *inputs: functional_call(module, parameters, inputs)
