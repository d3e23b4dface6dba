"""Packages that only some formats need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from jepa_world_model.errors import UserError, install_hint


def needed(package: str, what: str) -> Any:
    """The module. Raises UserError, with how to install it, where it is missing."""
    try:
        return import_module(package)
    except ImportError as error:
        top = package.partition(".")[0]
        hint = install_hint("data")
        raise UserError(f"{what} needs {top}, which cannot be imported ({error}); install it {hint}") from error
