"""The packages of this distribution, found where they were installed: next to this one.

The current folder or PYTHONPATH may have other packages of the same names. They hide none of ours, and once the
command has no need of a name, it is theirs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

HOME = str(Path(__file__).parents[2])
PACKAGES = ("audits", "jepa_world_model")


class _Finder:
    """A finder for `sys.meta_path`; no subclass of its ABC, whose module takes longer than all of this."""

    def __init__(self) -> None:
        self.homes: dict[str, str] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(fullname, [self.homes[fullname]]) if fullname in self.homes else None


_FINDER = _Finder()


def claim() -> None:
    """From now on all packages of this distribution are found next to this one."""
    _FINDER.homes = dict.fromkeys(PACKAGES, HOME)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def release(name: str) -> None:
    """From now on a package is found wherever `sys.path` finds it first."""
    _FINDER.homes.pop(name, None)


def prefer(name: str, folder: str) -> None:
    """From now on a package is found in a folder, even one without `__init__.py`, which `sys.path` puts last."""
    _FINDER.homes[name] = folder
