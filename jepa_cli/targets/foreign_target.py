"""A trainer that the command does not know: what ``package.module:function`` returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

from audits import AuditError, Target
from audits.errors import nearest
from jepa_cli.targets.foreign_code import explaining
from jepa_cli.targets.foreign_module import foreign_module, importing


def foreign_target(reference: str) -> Target:
    """The target that a function returns; modules of the current folder come first.

    Raises AuditError for a reference to nothing, for whatever the module or the function raises, and for what is no
    target. The losses of the target raise AuditError for whatever they raise.
    """
    module_name, colon, function_name = reference.partition(":")
    parts = [*module_name.split("."), function_name]
    if not (colon and all(part.isidentifier() for part in parts)):
        raise AuditError(f"--target {reference}: expected package.module:function, such as my_trainer:audit_target")
    module = foreign_module(reference, module_name)
    with importing(reference, f"looking for {function_name}"):
        function = _function(reference, module, function_name)
    with importing(reference, function_name):
        target = function()
    if not isinstance(target, Target):
        raise AuditError(
            f"--target {reference}: expected that {function_name} returns an audits.Target, "
            f"found {type(target).__name__}"
        )
    return replace(target, losses=explaining(target.losses, f"the losses of target {target.name!r}"))


def _function(reference: str, module: ModuleType, name: str) -> Callable[[], Any]:
    where = f"--target {reference}: {module.__name__} ({getattr(module, '__file__', None) or 'a folder'})"
    known = [key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")]
    if not hasattr(module, name):
        raise AuditError(f"{where} has no function {name!r}: {nearest(name, known) if known else 'it has none'}")
    function = getattr(module, name)
    if not callable(function):
        raise AuditError(f"{where}: expected a function {name!r}, found {type(function).__name__}")
    if needed := _needed(function):
        raise AuditError(
            f"{where}: expected that {name!r} is called without arguments, found that it needs {', '.join(needed)}: "
            "give them a default, or write a function that fills them in"
        )
    return function


def _needed(function: Callable[..., Any]) -> list[str]:
    """Its parameters without a default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # a few builtins have no signature
        return []
    variadic = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return [each.name for each in parameters if each.default is each.empty and each.kind not in variadic]
