"""What an optimizer finds of each parameter when it steps: its gradient, its learning rate, what is remembered."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.optim.optimizer import Optimizer

from audits.step.events import Held
from audits.step.gradients import Gradients, is_some


def held_by(optimizer: Optimizer, gradients: Gradients) -> dict[int, Held]:
    """By id, every parameter that an optimizer holds."""
    found = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            of, by_hand = gradients.of(parameter)
            found[id(parameter)] = Held(
                trainable=parameter.requires_grad,
                rate=_number(group.get("lr", 1.0)),
                decay=_number(group.get("weight_decay", 0.0)),
                gradient="none" if parameter.grad is None else "some" if is_some(parameter.grad) else "zero",
                remembers=_remembers(optimizer, parameter),
                of=of,
                by_hand=by_hand,
            )
    return found


def _remembers(optimizer: Optimizer, parameter: Tensor) -> bool:
    state = optimizer.state.get(parameter, {})
    kept = [value for value in state.values() if isinstance(value, Tensor) and value.shape == parameter.shape]
    return any(is_some(value) for value in kept if value.dim() or value.numel() > 1)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
