"""Memory that was freed goes back to the system, or the next pass, in another precision, comes on top of it."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

MUCH = 2**26
"""Bytes by which a process has to grow before it is asked what of that is free."""
STATM = Path("/proc/self/statm")


class FreedMemory:
    """What the C library keeps for later; nothing is done where it is another than that of GNU."""

    def __init__(self) -> None:
        self._least = 0

    def give_back(self) -> None:
        """Give back what is free, if the process is much larger than when this was last done."""
        if not _library() or _resident() < self._least + MUCH:
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
