"""How a figure of the evaluation is declared: a function of held-out trajectories.

    @figure("z", target=0.99, needs=("position",))
    def recall_at_1(data: HeldOut) -> Estimate: ...

Its docstring says what it means. The declaration is all there is: the report, its order, its targets and the
documentation come from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from jepa_world_model.evaluation.estimate import Estimate
from jepa_world_model.evaluation.held_out import HeldOut
from jepa_world_model.evaluation.needs import why_not

FIGURES: dict[str, Figure] = {}


@dataclass(frozen=True)
class Figure:
    """A declared figure."""

    name: str
    of: str
    """The representation that it judges: ``z``, ``h`` or ``p``."""
    meaning: str
    target: float | None
    at_most: bool
    """Whether the target is an upper bound."""
    needs: tuple[str, ...]
    """Of the data: see `why_not`."""
    frames: int
    """The shortest trajectory on which it is defined."""
    function: Callable[[HeldOut], Estimate]

    def met(self, estimate: Estimate) -> bool | None:
        """Whether the target is reached; None without a target."""
        if self.target is None:
            return None
        return estimate.value <= self.target if self.at_most else estimate.value >= self.target


@dataclass(frozen=True)
class MeasuredFigure:
    """A figure as it was measured, or why it was not."""

    figure: Figure
    estimate: Estimate | None
    missing: str = ""


def figure(
    of: str, *, target: float | None = None, at_most: bool = False, needs: tuple[str, ...] = (), frames: int = 2
) -> Callable[[Callable[[HeldOut], Estimate]], Figure]:
    """Declare a figure under the function's name. Raises ValueError for a name that is taken."""

    def declare(function: Callable[[HeldOut], Estimate]) -> Figure:
        name = function.__name__
        if name in FIGURES:
            raise ValueError(f"two figures are called {name!r}")
        meaning = " ".join((function.__doc__ or "").partition("\n\n")[0].split())
        FIGURES[name] = Figure(name, of, meaning, target, at_most, needs, frames, function)
        return FIGURES[name]

    return declare


def measure_figures(data: HeldOut, chosen: Iterable[Figure] | None = None) -> Iterator[MeasuredFigure]:
    """All declared figures, or some; one that needs what the data does not have says so."""
    for each in FIGURES.values() if chosen is None else chosen:
        if reason := why_not(data, each.needs):
            yield MeasuredFigure(each, None, reason)
        elif data.length < each.frames:
            yield MeasuredFigure(each, None, f"needs trajectories of {each.frames} frames, the data has {data.length}")
        else:
            yield MeasuredFigure(each, each.function(data))
