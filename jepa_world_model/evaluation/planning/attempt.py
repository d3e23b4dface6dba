"""One attempt to reach a goal: the planner sees frames, the world moves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from jepa_world_model.worlds.world import State, World

SLACK, FACTOR = 4, 2
"""An attempt has FACTOR times the moves of a shortest path, and SLACK more."""


@dataclass(frozen=True)
class Task:
    """From a state to the place of another one."""

    start: State
    goal: State
    shortest: int
    """Moves on a shortest path."""
    displacement: np.ndarray | None = None
    """What odometry says of the goal's pose, [Dp]; for planners that know no other."""

    @property
    def budget(self) -> int:
        return FACTOR * self.shortest + SLACK


@dataclass(frozen=True)
class Attempt:
    """How it went."""

    task: Task
    reached: bool
    moves: int
    seconds: float
    """For planning, without the world."""
    plans: int
    path: tuple[State, ...]


class Planner(Protocol):
    """Chooses actions; it knows frames and its model, and never the world."""

    name: str

    def begin(self, frame: np.ndarray, goal: np.ndarray, task: Task) -> None:
        """Frames [H, W, C] uint8 of where it stands and of where it is to go. Of the task, only its displacement."""
        ...

    def act(self) -> int:
        """The number of the next action."""
        ...

    def see(self, action: int, frame: np.ndarray) -> None:
        """What followed an action."""
        ...

    @property
    def plans(self) -> int:
        """How often it planned."""
        ...


def attempt(world: World, planner: Planner, task: Task) -> Attempt:
    """Until the agent stands where the goal is, or the budget is spent. Success radius 0: the very same position."""
    target, state, path = world.truth(task.goal)["position"], task.start, [task.start]
    begun = time.perf_counter()
    planner.begin(world.render(state), world.render(task.goal), task)
    seconds = time.perf_counter() - begun
    while not (world.truth(state)["position"] == target).all() and len(path) <= task.budget:
        begun = time.perf_counter()
        action = planner.act()
        seconds += time.perf_counter() - begun
        state = world.step(state, action)
        path.append(state)
        begun = time.perf_counter()
        planner.see(action, world.render(state))
        seconds += time.perf_counter() - begun
    reached = bool((world.truth(state)["position"] == target).all())
    return Attempt(task, reached, len(path) - 1, seconds, planner.plans, tuple(path))
