"""The table of a script by plain autograd alone: at each backward call, the gradient of each loss to each module.

Losses and modules are expressions, which are evaluated in the function that goes backward. Nothing here knows of the
audit.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Mapping
from pathlib import Path

import torch


class _Enough(BaseException):
    pass


def naive_table(path: Path, losses: Mapping[str, str], modules: Mapping[str, str], calls: int) -> dict:
    """By loss and module: whether some parameter of the module gets a gradient that is not zero.

    Each loss is taken at the first backward call at which its expression has a value; `calls` are looked at.
    """
    found: dict[tuple[str, str], bool] = {}
    backward, seen = torch.autograd.backward, 0

    def told(tensors, *args, **kwargs):
        nonlocal seen
        variables = _variables(path)
        if variables:
            for loss, expression in losses.items():
                if not any(loss == known for known, _ in found):
                    _measure(found, loss, expression, modules, variables)
            seen += 1
            if seen == calls:
                raise _Enough
        return backward(tensors, *args, **kwargs)

    torch.autograd.backward = told
    argv, sys.argv = sys.argv, [str(path)]
    try:
        runpy.run_path(str(path), run_name="__main__")
    except _Enough:
        pass
    finally:
        torch.autograd.backward, sys.argv = backward, argv
    return found


def _measure(found: dict, loss: str, expression: str, modules: Mapping[str, str], variables: dict) -> None:
    try:
        value = eval(expression, variables)
    except (NameError, KeyError, UnboundLocalError):  # it is computed in another function, or later
        return
    for module, where in modules.items():
        owner = eval(where, variables)
        parameters = [owner] if isinstance(owner, torch.Tensor) else list(owner.parameters())
        wanted = [parameter for parameter in parameters if parameter.requires_grad]
        gradients = torch.autograd.grad(value, wanted, retain_graph=True, allow_unused=True) if wanted else ()
        has = any(gradient is not None and bool(gradient.abs().sum() > 0) for gradient in gradients)
        found[loss, module] = found.get((loss, module), False) or has


def _variables(path: Path) -> dict:
    """All that the running functions of a script see, those of the innermost first."""
    found, frame = {}, sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == str(path):
            found = {**frame.f_globals, **frame.f_locals, **found}
        frame = frame.f_back
    return found
