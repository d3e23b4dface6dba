"""A trained model as a policy: it walks from one random goal to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jepa_world_model.data.recording import Seen
from jepa_world_model.evaluation.held_out import HeldOut
from jepa_world_model.evaluation.planning.imagined_search import alike_distance
from jepa_world_model.evaluation.planning.planners import best_search

PATIENCE = 32
"""Moves after which a goal that was not reached is given up."""


class WalkingPolicy:
    """Goals are frames of held-out episodes. One counts as reached where the z of a frame is that of the goal.
    Implements `Policy`."""

    def __init__(self, data: HeldOut, actions: np.ndarray, choices: Sequence[Any], run: str) -> None:
        """`actions` [N, A] as the model reads them, `choices` the same as the environment takes them."""
        self._data, self._choices = data, choices
        self._planner = best_search(data, actions)
        self._near = alike_distance(data.traces.z) / 2
        self.facts = {"name": "run", "run": run, "planner": self._planner.name, "patience": PATIENCE}
        self.reached = 0
        """Goals so far, as the model sees it."""

    def begin(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 3])
        self._goal: np.ndarray | None = None

    def act(self, seen: Seen) -> Any:
        if self._goal is not None:
            self._planner.see(self._number, seen.frame)
            self._moves += 1
        if self._goal is None or self._moves >= PATIENCE or self._arrived(seen.frame):
            self._turn_to_another_goal(seen.frame)
        self._number = self._planner.act()
        return self._choices[self._number]

    def _turn_to_another_goal(self, frame: np.ndarray) -> None:
        data = self._data
        goal = data.frames[int(self._rng.integers(data.episodes)), int(self._rng.integers(data.length))]
        self._goal, self._moves = data.subject.embed(goal[None])[0], 0
        self._planner.begin(frame, goal, None)

    def _arrived(self, frame: np.ndarray) -> bool:
        there = bool(np.linalg.norm(self._data.subject.embed(frame[None])[0] - self._goal) < self._near)
        self.reached += there
        return there
