"""Two real training steps of a target, on copies: nothing is left behind."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from audits.errors import AuditError
from audits.isolation.eager import eager
from audits.isolation.parameter_swap import swapped_parameters
from audits.moves import Steps
from audits.step.findings.graphs import is_explained
from audits.step.terms import Readings
from audits.step.watching import StepWatcher
from audits.target import Target

STEPS = 2
"""So often each optimizer is to step: what is carried over, or left over, shows in the second."""
MOST = 16
"""So often the step of a target is called at most, such as where it accumulates gradient."""


def real_steps(target: Target) -> Steps:
    """Run the step of a target on copies until each optimizer has stepped twice, and tell what moved.

    Args:
        target: A trainer with a step.

    Returns:
        What each optimizer moved, and what is wrong with it.

    Raises:
        AuditError: The target has no step.

    Examples:
        >>> from audits.step.real_steps import real_steps
        >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> def step(batch):
        ...     found = losses(batch)
        ...     optimizer.zero_grad()
        ...     sum(found.values()).backward()
        ...     optimizer.step()
        ...     return found
        >>> steps = real_steps(Target(net, losses, batches=[batch], step=step, optimizers={"adam": optimizer}))
        >>> steps.moved("adam"), steps.weights["adam"]
        (('encoder', 'decoder', 'value'), {'reconstruct': 1.0, 'value': 1.0})
    """
    step = target.step
    if step is None:
        raise AuditError(f"target {target.name!r} has no step: give it one, Target(..., step=function)")
    copies = swapped_parameters(
        target.roots,
        reached=[step, target.losses, *target.optimizers.values()],
        batch=list(target.batches),
        as_in_training=True,
    )
    watch = StepWatcher(target.named_modules, target.optimizers, weights=target.weights, losses=target.weights)
    with copies, torch.enable_grad(), eager(), _with_tracebacks(), watch:
        for number in range(MOST):
            if not _round(target, watch, target.given(number)) or (number and _is_enough(target, watch)):
                break
        watch.look()
        return watch.result()


def _is_enough(target: Target, watch: StepWatcher) -> bool:
    """Whether each optimizer has stepped twice."""
    expected = {id(optimizer): 0 for optimizer in target.optimizers.values()}
    for step in watch.steps:
        expected[id(step.optimizer)] = expected.get(id(step.optimizer), 0) + (not step.skipped)
    return bool(expected) and min(expected.values()) >= STEPS


def _round(target: Target, watch: StepWatcher, batch: list[Any]) -> bool:
    """One step; whether another one can follow."""
    with Readings() as readings:
        try:
            returned = _called(target, batch)
        except Exception:
            if watch.backwards and is_explained(watch.backwards[-1].error):
                return False
            raise
    losses = returned if isinstance(returned, Mapping) else {}
    nodes = {str(name): node for name, value in losses.items() if (node := readings.node_of(value)) is not None}
    watch.name_round(nodes)
    return True


def _called(target: Target, batch: list[Any]) -> Any:
    """The step, told the defaults of the gates that it takes."""
    step: Any = target.step
    taken = inspect.signature(step).parameters
    every = any(each.kind is each.VAR_KEYWORD for each in taken.values())
    gates = {name: values[0] for name, values in target.gates.items() if every or name in taken}
    return step(*batch, **gates)


@contextmanager
def _with_tracebacks() -> Iterator[None]:
    """Graphs know the lines that made them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Anomaly Detection.*")
        warnings.filterwarnings("ignore", message="Error detected in .*")
        with torch.autograd.set_detect_anomaly(True, check_nan=False):
            yield
