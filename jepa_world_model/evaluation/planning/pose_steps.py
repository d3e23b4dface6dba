"""Planning with p alone: each action is one displacement, and A* adds them up to the goal's pose."""

from __future__ import annotations

import heapq
from itertools import count

import numpy as np

from jepa_world_model.evaluation.planning.places import Places
from jepa_world_model.evaluation.planning.planner_names import TITLES
from jepa_world_model.evaluation.subject import EvaluatedModel

MOST_NODES = 1000
AROUND = 60
"""Nodes that are looked at beyond a goal where the agent has been already."""
NEAR = 0.5
"""Poses closer than this share of the shortest action's step are one."""
STUCK = 0.35
"""A move whose increment is shorter than this share of the usual one was blocked."""


class PoseSteps:
    """A* over sums of the actions' mean increments. A move that odometry finds blocked is not planned again there, and
    where a plan ended short of the goal, the next one leads to the nearest of the other places."""

    name = TITLES["a-star-p"]

    def __init__(self, subject: EvaluatedModel, actions: np.ndarray, increments: np.ndarray) -> None:
        """`actions` [N, A] as the model reads them, `increments` [N, Dp] the mean of what each does to p.

        A NOOP, which is all zeros, is never planned.
        """
        self._subject, self._actions, self._steps = subject, actions.astype(np.float32), increments
        self._lengths = np.linalg.norm(increments, axis=1)
        self._moves = np.flatnonzero(actions.any(axis=-1)).tolist()
        self._radius = NEAR * float(self._lengths[self._moves].min(initial=np.inf))
        self.plans = 0

    def begin(self, frame: np.ndarray, goal: np.ndarray, displacement: np.ndarray | None) -> None:
        if displacement is None:
            raise ValueError("planning with p needs the goal's displacement: expected a task that has one")
        self._goal, self._at = displacement.astype(float), np.zeros(len(displacement))
        self._z = self._subject.embed(frame[None])
        self._h, self._p = self._subject.begin(self._z), self._subject.origin(1)
        self._been = Places(self._radius)
        self._blocked = [Places(self._radius) for _ in self._steps]
        self._plan: list[int] = []
        self.plans = 0

    def act(self) -> int:
        if not self._plan:
            if self._is_able:
                self._been.added(self._at)
            self._plan = self._search()
            self.plans += 1
        return self._plan.pop(0) if self._plan else 0

    def see(self, action: int, frame: np.ndarray) -> None:
        row = self._actions[action][None]
        increment = self._subject.move(self._p, self._h, row)
        _, self._h = self._subject.predict(self._z, self._h, row)
        self._p, self._z = self._p + increment, self._subject.embed(frame[None])
        if np.linalg.norm(increment) < STUCK * self._lengths[action]:
            self._blocked[action].added(self._at)
            self._plan = []
        else:
            self._at = self._at + increment[0]

    @property
    def _is_able(self) -> bool:
        """Whether its actions move p at all."""
        return bool(np.isfinite(self._radius) and self._radius > 0)

    def _search(self) -> list[int]:
        if not self._is_able:
            return []
        order, places = count(), Places(self._radius)
        reach = float(self._lengths.max())
        queue: list[tuple[float, int, int, np.ndarray, tuple[int, ...]]] = [(0.0, next(order), 0, self._at, ())]
        places.added(self._at)
        best, most = (np.inf, ()), MOST_NODES
        while queue and len(places) < most:
            _, _, moves, at, way = heapq.heappop(queue)
            left = float(np.linalg.norm(self._goal - at))
            if self._been.find(at) is None:
                best = min(best, (left, way), key=lambda one: one[0])
                if left < self._radius:
                    return list(way)
            elif left < self._radius:
                most = min(most, len(places) + AROUND)
            for action in self._moves:
                there = at + self._steps[action]
                if self._blocked[action].find(at) is not None or not places.added(there):
                    continue
                remaining = float(np.linalg.norm(self._goal - there)) / reach
                heapq.heappush(queue, (moves + 1 + remaining, next(order), moves + 1, there, (*way, action)))
        return list(best[1])
