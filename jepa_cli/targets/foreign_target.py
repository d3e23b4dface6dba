"""A trainer that the command does not know: what ``package.module:function`` returns."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from audits import AuditError, Target
from jepa_cli.targets.foreign_code import explaining
from jepa_cli.targets.foreign_function import foreign_function, where
from jepa_cli.targets.foreign_module import importing


def foreign_target(reference: str) -> Target:
    """The target that a function returns; modules of the current folder come first.

    Raises AuditError for a reference to nothing, for whatever the module or the function raises, and for what is no
    target. The losses of the target raise AuditError for whatever they raise.
    """
    said = f"--target {reference}"
    function = foreign_function("--target", reference, "my_trainer:audit_target")
    module_name, _, name = reference.partition(":")
    if needed := _needed(function):
        raise AuditError(
            f"{said}: {where(sys.modules[module_name])}: expected that {name!r} is called without arguments, found "
            f"that it needs {', '.join(needed)}: give them a default, or write a function that fills them in"
        )
    with importing(said, name):
        target = function()
    if not isinstance(target, Target):
        raise AuditError(f"{said}: expected that {name} returns an audits.Target, found {type(target).__name__}")
    step = target.step and explaining(target.step, f"the step of target {target.name!r}")
    return replace(target, losses=explaining(target.losses, f"the losses of target {target.name!r}"), step=step)


def _needed(function: Callable[..., Any]) -> list[str]:
    """Its parameters without a default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # a few builtins have no signature
        return []
    variadic = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return [each.name for each in parameters if each.default is each.empty and each.kind not in variadic]
