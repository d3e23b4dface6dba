"""Signals that end a command: what is half done is cleared away, and one line says what ended it.

The exit code tells it, too.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALLED = 128
"""What a shell adds to the number of a signal."""
BY_CTRL_C = SIGNALLED + signal.SIGINT
"""What typer makes of every KeyboardInterrupt."""
ENDS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, the default of kill, and a terminal that is closed."""
_heard: list[int] = []


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Raises KeyboardInterrupt where the system would end the process at once. Gives the signals that were heard.

    What is ignored, as by nohup, stays so. While a library is imported the process ends at once: torch and numpy would
    drop the exception, or abort.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        if imports_library(frame):
            with suppress(OSError):  # the terminal may be closed
                os.write(2, f"Error: {told(number)}\n".encode())
            os._exit(SIGNALLED + number)
        _heard.append(number)
        raise KeyboardInterrupt

    _heard.clear()
    for number in ENDS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, interrupt)
    try:
        yield _heard
    finally:
        for number in ENDS:  # the process is about to end: what comes now has nothing to tell
            if signal.getsignal(number) is interrupt:
                signal.signal(number, signal.SIG_DFL)


def imports_library(frame: FrameType | None) -> bool:
    """Whether the innermost import is one of a module that was installed, not of a user's own."""
    inner = ""
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return not inner or inner.startswith(_installed())
        inner, frame = frame.f_code.co_filename, frame.f_back
    return False


def _installed() -> tuple[str, ...]:
    import sysconfig

    return tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))


def was_interrupted() -> bool:
    """Whether a signal was heard. An import that it cut short may raise anything, here or at the next import."""
    return bool(_heard)


def told(number: int) -> str:
    """``interrupted by SIGTERM``"""
    return f"interrupted by {signal.Signals(number).name}"
