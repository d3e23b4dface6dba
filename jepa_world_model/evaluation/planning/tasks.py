"""Starts and goals, drawn alike for every planner."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from jepa_world_model.evaluation.held_out import HeldOut
from jepa_world_model.evaluation.planning.attempt import Task
from jepa_world_model.worlds.world import State, World

BINS = ((1, 4), (5, 8), (9, 16))
"""Lengths of shortest paths, both ends included."""


def shortest_path(world: World, start: State, reached: Callable[[State], bool], most: int = 10_000) -> list[int] | None:
    """Actions of a shortest way by breadth-first search in the real world; None where there is none among `most`
    states."""
    came_from: dict[State, tuple[State, int] | None] = {start: None}
    queue = deque([start])
    while queue and len(came_from) <= most:
        state = queue.popleft()
        if reached(state):
            return _actions(came_from, state)
        for action in range(len(world.actions)):
            following = world.step(state, action)
            if following not in came_from:
                came_from[following] = (state, action)
                queue.append(following)
    return None


def distance(world: World, start: State, goal: State) -> int | None:
    """Moves to the position of a goal."""
    target = world.truth(goal)["position"]
    path = shortest_path(world, start, lambda state: bool((world.truth(state)["position"] == target).all()))
    return None if path is None else len(path)


def draw_tasks(world: World, per_bin: int, seed: int) -> list[Task]:
    """`per_bin` tasks of each of `BINS`. A goal is what another episode looks like after some random moves, so that in
    a world with a key it may show the key elsewhere. Fewer where the world has no paths of such a length."""
    rng, found = np.random.default_rng(seed), {one: [] for one in BINS}
    for _ in range(per_bin * len(BINS) * 50):
        start, goal = world.reset(rng), world.reset(rng)
        if start == goal:
            continue
        moves = distance(world, start, goal)
        fits = next((one for one in BINS if moves is not None and one[0] <= moves <= one[1]), None)
        if fits and len(found[fits]) < per_bin:
            found[fits].append(Task(start, goal, moves or 0))
        if all(len(tasks) == per_bin for tasks in found.values()):
            break
    return [task for tasks in found.values() for task in tasks]


def tasks_of_trajectories(world: World, data: HeldOut, per_bin: int, seed: int) -> list[Task]:
    """`per_bin` tasks of each of `BINS` from one frame of a held-out trajectory to a later one of the same: odometry
    along the recorded way tells the goal's pose, and nothing else does."""
    rng, found = np.random.default_rng(seed), {one: [] for one in BINS}
    for _ in range(per_bin * len(BINS) * 50):
        episode = int(rng.integers(data.episodes))
        first, last = sorted(int(step) for step in rng.choice(data.length, size=2, replace=False))
        start, goal = (_state_at(world, data, episode, step) for step in (first, last))
        moves = distance(world, start, goal)
        fits = next((one for one in BINS if moves is not None and one[0] <= moves <= one[1]), None)
        if fits and len(found[fits]) < per_bin:
            p = data.traces.p[episode]
            found[fits].append(Task(start, goal, moves or 0, p[last] - p[first]))
        if all(len(tasks) == per_bin for tasks in found.values()):
            break
    return [task for tasks in found.values() for task in tasks]


def _state_at(world: World, data: HeldOut, episode: int, step: int) -> State:
    return world.placed({name: values[episode, step] for name, values in data.truth.items()})


def _actions(came_from: dict[State, tuple[State, int] | None], state: State) -> list[int]:
    actions = []
    while (step := came_from[state]) is not None:
        state, action = step
        actions.append(action)
    return actions[::-1]
