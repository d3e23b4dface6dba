"""What planners are compared with: chance, and somebody who knows the world."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from jepa_world_model.evaluation.planning.attempt import Task
from jepa_world_model.evaluation.planning.planner_names import TITLES
from jepa_world_model.evaluation.planning.tasks import shortest_path
from jepa_world_model.worlds.world import World


class RandomWalk:
    """Any action at any time."""

    name = TITLES["random"]
    plans = 0

    def __init__(self, actions: int, seed: int) -> None:
        self._actions, self._seed, self._begun = actions, seed, 0

    def begin(self, frame: np.ndarray, goal: np.ndarray, displacement: np.ndarray | None) -> None:
        self._rng = np.random.default_rng([self._seed, self._begun])
        self._begun += 1

    def act(self) -> int:
        return int(self._rng.integers(self._actions))

    def see(self, action: int, frame: np.ndarray) -> None: ...


class Oracle:
    """Breadth-first search in the real world."""

    name = TITLES["oracle"]
    plans = 1

    def __init__(self, world: World, tasks: Iterable[Task]) -> None:
        """It knows which pictures of starts and goals belong to which task."""
        self._world = world
        self._tasks = {_pictures(world.render(task.start), world.render(task.goal)): task for task in tasks}

    def begin(self, frame: np.ndarray, goal: np.ndarray, displacement: np.ndarray | None) -> None:
        task = self._tasks[_pictures(frame, goal)]
        target = self._world.truth(task.goal)["position"]
        path = shortest_path(
            self._world, task.start, lambda state: bool((self._world.truth(state)["position"] == target).all())
        )
        self._path = list(path or [])

    def act(self) -> int:
        return self._path.pop(0)

    def see(self, action: int, frame: np.ndarray) -> None: ...


def _pictures(frame: np.ndarray, goal: np.ndarray) -> tuple[bytes, bytes]:
    return frame.tobytes(), goal.tobytes()
