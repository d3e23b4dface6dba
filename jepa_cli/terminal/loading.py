"""Libraries are loaded without a search for garbage, a quarter of that time: what they make stays to the end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_is_whole_process = False


def this_is_the_process() -> None:
    """The command is all that this process does. Elsewhere, such as in a test, objects of others may be garbage."""
    global _is_whole_process
    _is_whole_process = True


@contextmanager
def loading() -> Iterator[None]:
    """For imports alone: whatever exists at the end is never looked at again."""
    if not _is_whole_process:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
