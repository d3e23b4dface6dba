"""Two ways of doing something, timed in turn, so that a drifting machine slows both."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Ratio:
    """Median of the ratios pair by pair, and the median seconds of each side."""

    value: float
    seconds: float
    reference_seconds: float

    def __str__(self) -> str:
        return f"{self.value:.3f} x   ({self.seconds * 1e3:.1f} ms against {self.reference_seconds * 1e3:.1f} ms)"


def compare(
    candidate: Callable[[], object], reference: Callable[[], object], *, rounds: int = 15, warm_up: int = 2
) -> Ratio:
    """Time both `rounds` times, in turn."""
    pairs = [(seconds(candidate), seconds(reference)) for _ in range(warm_up + rounds)][warm_up:]
    ours, theirs = zip(*pairs, strict=True)
    return Ratio(median(a / b for a, b in pairs), median(ours), median(theirs))


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
