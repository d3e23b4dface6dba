"""A request to stop, from the user or from a scheduler, kept until the step is done."""

import signal
import threading
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))
"""Ctrl-C; what kills politely, and what schedulers send ahead of it."""


class Notice:
    """While it is entered, these signals end nothing: they are noted. A second Ctrl-C is not waited for."""

    def __init__(self, *, patient: bool = False) -> None:
        """`patient`: a launcher passes on what the process has got already, so a second Ctrl-C means nothing."""
        self.signal: signal.Signals | None = None
        self._patient = patient
        self._before = {}

    def __enter__(self) -> "Notice":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT and not self._patient:
            raise KeyboardInterrupt
        self.signal = self.signal or signal.Signals(number)
