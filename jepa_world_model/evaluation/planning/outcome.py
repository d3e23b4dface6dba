"""Success of planners over many attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from jepa_world_model.evaluation.estimate import Estimate, share_of
from jepa_world_model.evaluation.planning.attempt import Attempt, Planner, Task, attempt
from jepa_world_model.evaluation.planning.tasks import BINS
from jepa_world_model.worlds.world import World


@dataclass(frozen=True)
class PlanningOutcome:
    """What one planner reached."""

    planner: str
    attempts: tuple[Attempt, ...]

    @property
    def success(self) -> Estimate:
        """Share of goals reached within the budget."""
        return share_of(sum(one.reached for one in self.attempts), len(self.attempts))

    @property
    def by_distance(self) -> dict[tuple[int, int], Estimate]:
        """The same for each bin of shortest paths."""
        return {one: self._within(one) for one in BINS}

    @property
    def path_length(self) -> float:
        """Moves over those of a shortest path, mean over the goals reached; NaN where none was."""
        ratios = [one.moves / one.task.shortest for one in self.attempts if one.reached and one.task.shortest]
        return float(np.mean(ratios)) if ratios else float("nan")

    @property
    def seconds_a_plan(self) -> float:
        """Mean time of planning; NaN where nothing was planned."""
        plans = sum(one.plans for one in self.attempts)
        return sum(one.seconds for one in self.attempts) / plans if plans else float("nan")

    def _within(self, ends: tuple[int, int]) -> Estimate:
        inside = [one for one in self.attempts if ends[0] <= one.task.shortest <= ends[1]]
        return share_of(sum(one.reached for one in inside), len(inside))


def outcome(
    world: World,
    planner: Planner,
    tasks: Sequence[Task],
    on_attempt: Callable[[int, int], None] | None = None,
) -> PlanningOutcome:
    """Every task once. `on_attempt` is told how many are done, of how many."""
    return PlanningOutcome(planner.name, tuple(_attempts(world, planner, tasks, on_attempt)))


def _attempts(
    world: World, planner: Planner, tasks: Sequence[Task], on_attempt: Callable[[int, int], None] | None
) -> Iterable[Attempt]:
    for done, task in enumerate(tasks, start=1):
        yield attempt(world, planner, task)
        if on_attempt:
            on_attempt(done, len(tasks))
