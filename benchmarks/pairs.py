"""Two ways of doing something, in turn, so that a drifting machine slows both; each counts by its best."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


def processor() -> float:
    """Seconds of a processor that this process has taken, all its threads, and the processes that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def clock_of(device: str) -> Clock:
    """Processor time, which a busy machine disturbs least; the time on the wall of what a GPU computes."""
    return time.perf_counter if device == "cuda" else processor


@dataclass(frozen=True)
class Ratio:
    """The least seconds of each side."""

    seconds: float
    reference_seconds: float

    @property
    def value(self) -> float:
        return self.seconds / self.reference_seconds

    def __str__(self) -> str:
        return f"{self.value:.3f} x   ({self.seconds * 1e3:.1f} ms against {self.reference_seconds * 1e3:.1f} ms)"


def compare(
    candidate: Callable[[], object],
    reference: Callable[[], object],
    *,
    rounds: int = 15,
    warm_up: int = 2,
    clock: Clock = processor,
) -> Ratio:
    """Time both `rounds` times, in turn."""
    pairs = [(seconds(candidate, clock), seconds(reference, clock)) for _ in range(warm_up + rounds)][warm_up:]
    ours, theirs = zip(*pairs, strict=True)
    return Ratio(min(ours), min(theirs))


def seconds(function: Callable[[], object], clock: Clock = processor) -> float:
    """What one call takes."""
    start = clock()
    function()
    return clock() - start
