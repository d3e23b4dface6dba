"""Starts and goals, drawn alike for every planner."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from jepa_world_model.evaluation.held_out import HeldOut
from jepa_world_model.evaluation.planning.attempt import Task
from jepa_world_model.evaluation.subject import EvaluatedModel, traced
from jepa_world_model.worlds.world import State, World

BINS = ((1, 4), (5, 8), (9, 16))
"""Lengths of shortest paths, both ends included."""
LONGEST = BINS[-1][1]


def shortest_path(
    world: World, start: State, reached: Callable[[State], bool], *, within: float = inf, most: int = 10_000
) -> list[int] | None:
    """Actions of a shortest way by breadth-first search in the real world; None where there is none of at most `within`
    moves among `most` states."""
    came_from: dict[State, tuple[State, int] | None] = {start: None}
    queue = deque([(start, 0)])
    while queue and len(came_from) <= most:
        state, moves = queue.popleft()
        if reached(state):
            return _actions(came_from, state)
        for action in range(len(world.actions) if moves < within else 0):
            following = world.step(state, action)
            if following not in came_from:
                came_from[following] = (state, action)
                queue.append((following, moves + 1))
    return None


def distance(world: World, start: State, goal: State, within: float = inf) -> int | None:
    """Moves to the position of a goal; None where there are more than `within`."""
    path = _path(world, start, goal, within)
    return None if path is None else len(path)


def draw_tasks(world: World, per_bin: int, seed: int) -> list[Task]:
    """`per_bin` tasks of each of `BINS` to goals of the world. Fewer where it has no paths of such a length."""
    rng, found = np.random.default_rng(seed), {one: [] for one in BINS}
    for _ in range(per_bin * len(BINS) * 50):
        start = world.reset(rng)
        goal = world.goal(start, rng)
        if start == goal:
            continue
        moves = distance(world, start, goal, LONGEST)
        fits = next((one for one in BINS if moves is not None and one[0] <= moves <= one[1]), None)
        if fits and len(found[fits]) < per_bin:
            found[fits].append(Task(start, goal, moves or 0))
        if all(len(tasks) == per_bin for tasks in found.values()):
            break
    return [task for tasks in found.values() for task in tasks]


def with_place_poses(world: World, subject: EvaluatedModel, tasks: Sequence[Task]) -> list[Task] | None:
    """The same tasks, with the displacement that the pictures of start and goal tell a model that gives a place a
    pose; None for another model."""
    posed = []
    for task in tasks:
        displacement = seen_displacement(subject, world.render(task.start), world.render(task.goal))
        if displacement is None:
            return None
        posed.append(replace(task, displacement=displacement))
    return posed


def seen_displacement(subject: EvaluatedModel, start: np.ndarray, goal: np.ndarray) -> np.ndarray | None:
    """[Dp] from the pose of one frame [H, W, C] uint8 to that of another; None for a model without poses of places."""
    q = subject.place_pose(subject.embed(np.stack([start, goal])))
    return None if q is None else q[1] - q[0]


def with_shown_ways(world: World, subject: EvaluatedModel, tasks: Sequence[Task]) -> list[Task]:
    """The same tasks, with the displacement that odometry finds along a shortest way of which all frames are shown."""
    return [replace(task, displacement=_odometry(world, subject, task)) for task in tasks]


def tasks_of_trajectories(world: World, data: HeldOut, per_bin: int, seed: int) -> list[Task]:
    """`per_bin` tasks of each of `BINS` from one frame of a held-out trajectory to a later one of the same: odometry
    along the recorded way tells the goal's pose, and nothing else does."""
    rng, found = np.random.default_rng(seed), {one: [] for one in BINS}
    for _ in range(per_bin * len(BINS) * 50):
        episode = int(rng.integers(data.episodes))
        first, last = sorted(int(step) for step in rng.choice(data.length, size=2, replace=False))
        start, goal = (_state_at(world, data, episode, step) for step in (first, last))
        moves = distance(world, start, goal, LONGEST)
        fits = next((one for one in BINS if moves is not None and one[0] <= moves <= one[1]), None)
        if fits and len(found[fits]) < per_bin:
            p = data.traces.p[episode]
            found[fits].append(Task(start, goal, moves or 0, p[last] - p[first]))
        if all(len(tasks) == per_bin for tasks in found.values()):
            break
    return [task for tasks in found.values() for task in tasks]


def _state_at(world: World, data: HeldOut, episode: int, step: int) -> State:
    return world.placed({name: values[episode, step] for name, values in data.truth.items()})


def _odometry(world: World, subject: EvaluatedModel, task: Task) -> np.ndarray:
    path = _path(world, task.start, task.goal, LONGEST) or []
    states = [task.start]
    for action in path:
        states.append(world.step(states[-1], action))
    frames = np.stack([world.render(state) for state in states])
    p = traced(subject, frames[None], world.actions[[*path, 0]][None]).p[0]
    return p[-1] - p[0]


def _path(world: World, start: State, goal: State, within: float) -> list[int] | None:
    target = world.truth(goal)["position"]
    return shortest_path(
        world, start, lambda state: bool((world.truth(state)["position"] == target).all()), within=within
    )


def _actions(came_from: dict[State, tuple[State, int] | None], state: State) -> list[int]:
    actions = []
    while (step := came_from[state]) is not None:
        state, action = step
        actions.append(action)
    return actions[::-1]
