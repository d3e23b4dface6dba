"""One attempt to reach a goal: the planner sees frames, the world moves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, Protocol

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

    def begin(self, frame: np.ndarray, goal: np.ndarray, displacement: np.ndarray | None) -> None:
        """Frames [H, W, C] uint8 of where it stands and of where it is to go, and what odometry says of the way."""
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


class Step(NamedTuple):
    """One move of a walk."""

    action: int
    state: State
    frame: np.ndarray
    """[H, W, C] uint8, after the move."""
    seconds: float
    """That the planner took for it."""


def walk(
    world: World, planner: Planner, start: State, goal: np.ndarray, displacement: np.ndarray | None = None
) -> Iterator[Step]:
    """From a state towards what a goal [H, W, C] uint8 looks like, for as long as the caller asks for moves."""
    begun, state = time.perf_counter(), start
    planner.begin(world.render(start), goal, displacement)
    while True:
        action = planner.act()
        seconds = time.perf_counter() - begun
        state = world.step(state, action)
        frame = world.render(state)
        begun = time.perf_counter()
        planner.see(action, frame)
        yield Step(action, state, frame, seconds + time.perf_counter() - begun)
        begun = time.perf_counter()


def attempt(world: World, planner: Planner, task: Task) -> Attempt:
    """Until the agent stands where the goal is, or the budget is spent. Success radius 0: the very same position."""
    target, path, seconds = world.truth(task.goal)["position"], [task.start], 0.0

    def arrived() -> bool:
        return bool((world.truth(path[-1])["position"] == target).all())

    if not arrived():
        for step in islice(walk(world, planner, task.start, world.render(task.goal), task.displacement), task.budget):
            path.append(step.state)
            seconds += step.seconds
            if arrived():
                break
    return Attempt(task, arrived(), len(path) - 1, seconds, planner.plans, tuple(path))
