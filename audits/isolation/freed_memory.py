"""Memory that was freed goes back to the system, or what comes next comes on top of it.

The C library keeps it, and often finds no use for it: tensors of another precision, and copies of weights, have other
sizes than what was freed before.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

MUCH, PART = 2**26, 4
"""Bytes by which a process has to grow before it gives back, or by which part of it: it costs time."""
STATM = Path("/proc/self/statm")


class FreedMemory:
    """What the C library keeps for later. Nothing is done where it is another than that of GNU."""

    def __init__(self) -> None:
        self._at_rest = self._least = 0

    def between_passes(self) -> None:
        """Give back what is free, if the process is much larger than between the passes before."""
        self._least = self._at_rest
        self.give_back()
        self._at_rest = self._least

    def give_back(self) -> None:
        """The same, if it is much larger than when anything was last given back."""
        if not _library() or _resident() < self._least + max(MUCH, self._least // PART):
            return
        _library().malloc_trim(0)
        self._least = _resident()


FREED = FreedMemory()


@cache
def _library() -> Any:
    if not sys.platform.startswith("linux") or not STATM.exists():
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") else None


def _resident() -> int:
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
