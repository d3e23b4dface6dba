"""Processes that write one document, one after the other."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows, where the last one wins
    fcntl = None


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Inside, no other process of this user is inside for the same path. Nothing is left beside the document."""
    if fcntl is None:
        yield
        return
    name = hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:32]
    lock = Path(tempfile.gettempdir(), f"jepa-gradient-flow-{os.getuid()}-{name}.lock")
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
