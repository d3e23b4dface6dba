"""A function that the command does not know: ``package.module:function``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from audits import AuditError
from audits.errors import nearest
from jepa_cli.targets.foreign_module import foreign_module, importing


def foreign_function(option: str, reference: str, example: str) -> Callable[..., Any]:
    """What ``package.module:function`` names; modules of the current folder come first.

    `option` and `example` are for messages. Raises AuditError for a reference to nothing, for whatever the module
    raises, and for what cannot be called.
    """
    said = f"{option} {reference}"
    module_name, colon, name = reference.partition(":")
    if not (colon and all(part.isidentifier() for part in [*module_name.split("."), name])):
        raise AuditError(f"{said}: expected package.module:function, such as {example}")
    module = foreign_module(said, module_name)
    with importing(said, f"looking for {name}"):
        return _function(f"{said}: {where(module)}", module, name)


def where(module: ModuleType) -> str:
    """A module with its file."""
    return f"{module.__name__} ({getattr(module, '__file__', None) or 'a folder'})"


def _function(said: str, module: ModuleType, name: str) -> Callable[..., Any]:
    known = [key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")]
    if not hasattr(module, name):
        raise AuditError(f"{said} has no function {name!r}: {nearest(name, known) if known else 'it has none'}")
    function = getattr(module, name)
    if not callable(function):
        raise AuditError(f"{said}: expected a function {name!r}, found {type(function).__name__}")
    return function
