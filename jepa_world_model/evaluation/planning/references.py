"""What planners are compared with: chance, and somebody who knows the world."""

from __future__ import annotations

import numpy as np

from jepa_world_model.evaluation.planning.attempt import Task
from jepa_world_model.evaluation.planning.tasks import shortest_path
from jepa_world_model.worlds.world import World


class RandomWalk:
    """Any action at any time."""

    name = "random walk"
    plans = 0

    def __init__(self, actions: int, seed: int) -> None:
        self._actions, self._seed, self._begun = actions, seed, 0

    def begin(self, frame: np.ndarray, goal: np.ndarray, task: Task) -> None:
        self._rng = np.random.default_rng([self._seed, self._begun])
        self._begun += 1

    def act(self) -> int:
        return int(self._rng.integers(self._actions))

    def see(self, action: int, frame: np.ndarray) -> None: ...


class Oracle:
    """Breadth-first search in the real world."""

    name = "oracle"
    plans = 1

    def __init__(self, world: World) -> None:
        self._world = world

    def begin(self, frame: np.ndarray, goal: np.ndarray, task: Task) -> None:
        target = self._world.truth(task.goal)["position"]
        path = shortest_path(
            self._world, task.start, lambda state: bool((self._world.truth(state)["position"] == target).all())
        )
        self._path = list(path or [])

    def act(self) -> int:
        return self._path.pop(0)

    def see(self, action: int, frame: np.ndarray) -> None: ...
