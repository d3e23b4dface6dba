"""Signals that ask a run to stop, deferred until the step is done."""

import signal
import threading
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, the default of kill, the advance notice of schedulers, and a terminal that is closed."""


NOHUP = getattr(signal, "SIGHUP", None)
"""What nohup asks to ignore."""


class DeferredSignals:
    """While entered, SIGNALS are remembered instead of acted on. A second Ctrl-C raises KeyboardInterrupt."""

    def __init__(self, *, patient: bool = False) -> None:
        """`patient`: ignore a second Ctrl-C: a launcher forwards what the process has received already."""
        self.signal: signal.Signals | None = None
        self._patient = patient
        self._before = {}

    def __enter__(self) -> "DeferredSignals":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            heeded = [number for number in SIGNALS if number != NOHUP or signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._remember) for number in heeded}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT and not self._patient:
            before = self._before[number]
            (before if callable(before) else signal.default_int_handler)(number, frame)
        self.signal = self.signal or signal.Signals(number)
