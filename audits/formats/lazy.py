"""Formats that are imported when they are first used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazily(module: str) -> Callable[[Any], str]:
    """The function `render` of a module, imported at the first call."""

    def render(reported: Any) -> str:
        return import_module(module).render(reported)

    return render
