"""The planners by the names that a user gives them, each with the tasks that it can be given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jepa_world_model.errors import UserError, nearest
from jepa_world_model.evaluation.held_out import HeldOut
from jepa_world_model.evaluation.planning.attempt import Planner, Task
from jepa_world_model.evaluation.planning.cross_entropy import CrossEntropy, PathIntegral
from jepa_world_model.evaluation.planning.imagined_search import ImaginedSearch, alike_distance
from jepa_world_model.evaluation.planning.place_search import PlaceSearch, PoseSearch
from jepa_world_model.evaluation.planning.planner_names import DEFAULT, NAMES, TITLES, WALKERS
from jepa_world_model.evaluation.planning.pose_steps import PoseSteps
from jepa_world_model.evaluation.planning.references import Oracle, RandomWalk
from jepa_world_model.evaluation.planning.tasks import (
    draw_tasks,
    tasks_of_trajectories,
    with_place_poses,
    with_shown_ways,
)
from jepa_world_model.evaluation.pose import mean_increments
from jepa_world_model.worlds.world import World

NO_PLACE_POSE = "search-q: the model has no pose of a place, since no loss trained z_to_p (losses.action_delta_q)"


@dataclass(frozen=True)
class Arena:
    """What planners are made for: a model with its held-out data, in a world, with as many tasks of each distance."""

    data: HeldOut
    world: World
    per_bin: int
    seed: int
    drawn: Sequence[Task] | None = None
    """Tasks of another arena in the same world, with the same seed."""

    @cached_property
    def tasks(self) -> Sequence[Task]:
        """For a planner that is given the picture of a goal."""
        return self.drawn or draw_tasks(self.world, self.per_bin, self.seed)

    @cached_property
    def posed_tasks(self) -> tuple[str, Sequence[Task]]:
        """For a planner that is given the displacement to a goal: how that is known, and the tasks."""
        world, subject = self.world, self.data.subject
        if posed := with_place_poses(world, subject, self.tasks):
            return "q(goal) - q(start)", posed
        if world.trained_goals and self._tells_states:
            recorded = tasks_of_trajectories(world, self.data, self.per_bin, self.seed)
            return "odometry along the recorded way to the goal", recorded
        return "odometry along a shortest way that is shown first", with_shown_ways(world, subject, self.tasks)

    @property
    def _tells_states(self) -> bool:
        """Whether the truth of the data is enough to put the world into the state of a frame."""
        try:
            self.world.placed({name: values[0, 0] for name, values in self.data.truth.items()})
        except UserError:
            return False
        return True


def chosen_planners(arena: Arena, chosen: Sequence[str] | None) -> Iterator[tuple[Planner, Sequence[Task]]]:
    """Those of some names, or of the default ones all that the model allows."""
    for name in chosen or DEFAULT:
        if name != "search-q" or has_place_pose(arena.data):
            planner = MAKERS[name](arena)
            yield planner, arena.posed_tasks[1] if name in WITH_P else arena.tasks


def check_planners(names: Sequence[str], data: HeldOut) -> None:
    """Raises UserError for an unknown name, and for a planner that needs what the model does not have."""
    for name in names:
        if name not in NAMES:
            raise UserError(f"--planners {name}: {nearest(name, NAMES)}")
    if "search-q" in names and not has_place_pose(data):
        raise UserError(NO_PLACE_POSE)


def has_place_pose(data: HeldOut) -> bool:
    """Whether the model reads a pose from a place."""
    return data.subject.place_pose(data.traces.z[0, :1]) is not None


def walker(arena: Arena, name: str) -> Planner:
    """A planner that uses the model alone. Raises UserError for one that needs what the model does not have."""
    check_planners([name], arena.data)
    return MAKERS[name](arena)


def best_walker(data: HeldOut, measured: Mapping[str, float]) -> str:
    """The planner that reached most goals, of those that need no more than the picture of a goal; where none was
    measured, the first of them. `measured` has shares by the names of reports."""
    seeing = (*WITH_P, "search-q")
    able = [name for name in WALKERS if has_place_pose(data) or name not in seeing]
    return max(able, key=lambda name: measured.get(TITLES[name], 0.0))


def best_search(data: HeldOut, actions: np.ndarray) -> PlaceSearch | ImaginedSearch:
    """In q where the model has it, else in z. `actions` [N, A]."""
    return (search_in_q if has_place_pose(data) else search_in_z)(data, actions)


def search_in_z(data: HeldOut, actions: np.ndarray) -> ImaginedSearch:
    return ImaginedSearch(data.subject, actions, alike_distance(data.traces.z))


def search_in_q(data: HeldOut, actions: np.ndarray) -> PlaceSearch:
    """Raises UserError for a model without a pose of places."""
    z = data.traces.z
    q = data.subject.place_pose(z.reshape(-1, z.shape[-1]))
    if q is None:
        raise UserError(NO_PLACE_POSE)
    return PlaceSearch(data.subject, actions, 2 * alike_distance(q.reshape(*z.shape[:2], -1)), alike_distance(z))


def a_star_on_p(data: HeldOut, actions: np.ndarray) -> PoseSteps:
    return PoseSteps(data.subject, actions, mean_increments(data, actions))


def search_in_p(data: HeldOut, actions: np.ndarray) -> PoseSearch:
    lengths = np.linalg.norm(mean_increments(data, actions[actions.any(axis=-1)]), axis=1)
    unit = float(lengths.min(initial=np.inf)) if len(lengths) else 0.0
    return PoseSearch(data.subject, actions, unit, alike_distance(data.traces.z))


WITH_P = ("search-p", "a-star-p")
"""Planners that are given the displacement to a goal."""
MAKERS: dict[str, Callable[[Arena], Planner]] = {
    "search-z": lambda arena: search_in_z(arena.data, arena.world.actions),
    "search-q": lambda arena: search_in_q(arena.data, arena.world.actions),
    "search-p": lambda arena: search_in_p(arena.data, arena.world.actions),
    "a-star-p": lambda arena: a_star_on_p(arena.data, arena.world.actions),
    "cem-z": lambda arena: CrossEntropy(arena.data.subject, arena.world.actions, arena.seed),
    "mppi-z": lambda arena: PathIntegral(arena.data.subject, arena.world.actions, arena.seed),
    "random": lambda arena: RandomWalk(len(arena.world.actions), arena.seed),
    "oracle": lambda arena: Oracle(arena.world, arena.tasks),
}
