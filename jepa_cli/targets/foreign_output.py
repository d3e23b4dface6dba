"""What somebody's own code prints goes to standard error, so that a report on standard output stays whole."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress

OUT, ERR = 1, 2


@contextmanager
def printed_to_stderr() -> Iterator[None]:
    """Whatever runs inside prints to standard error: Python code, C code and programs that it starts."""
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(sys.stderr))
        _flush()
        with suppress(OSError):  # one of the two is closed
            saved = os.dup(OUT)
            stack.callback(_restore, saved)
            os.dup2(ERR, OUT)
        yield


def _restore(saved: int) -> None:
    _flush()
    os.dup2(saved, OUT)
    os.close(saved)


def _flush() -> None:
    """What is still in a buffer belongs where it was printed to."""
    with suppress(OSError, ValueError):
        if sys.__stdout__:
            sys.__stdout__.flush()
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).fflush(None)
