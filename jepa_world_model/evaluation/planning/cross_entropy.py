"""Sequences of actions are drawn, imagined in z, and drawn again like the good ones: by the cross-entropy method (CEM),
and by model predictive path integral control (MPPI)."""

from __future__ import annotations

import numpy as np

from jepa_world_model.evaluation.planning.planner_names import TITLES
from jepa_world_model.evaluation.subject import EvaluatedModel

HORIZON, DRAWN, BEST, ROUNDS = 12, 128, 16, 4
KEPT = 0.1
"""So much of the former probabilities stays in each round, so that no action dies out."""
TEMPERATURE = 0.3
"""Of MPPI, as a share of the standard deviation of the costs."""
HURRY = 0.02
"""What a later arrival costs for each step, as a share of the distance at the start."""
REPLAN = 4
"""Moves that are made before the next plan."""


class CrossEntropy:
    """Draws sequences of actions. The cost of one is the least distance to the goal's z on its way."""

    name = TITLES["cem-z"]

    def __init__(self, subject: EvaluatedModel, actions: np.ndarray, seed: int) -> None:
        """`actions` [N, A]."""
        self._subject, self._actions, self._seed, self._begun = subject, actions.astype(np.float32), seed, 0
        self.plans = 0

    def begin(self, frame: np.ndarray, goal: np.ndarray, displacement: np.ndarray | None) -> None:
        self._rng = np.random.default_rng([self._seed, self._begun])
        self._begun += 1
        self._goal = self._subject.embed(goal[None])[0]
        self._z = self._subject.embed(frame[None])
        self._h = self._subject.begin(self._z)
        self._plan: list[int] = []
        self.plans = 0

    def act(self) -> int:
        if not self._plan:
            self._plan = self._drawn()[:REPLAN]
            self.plans += 1
        return self._plan.pop(0)

    def see(self, action: int, frame: np.ndarray) -> None:
        _, self._h = self._subject.predict(self._z, self._h, self._actions[action][None])
        self._z = self._subject.embed(frame[None])

    def _drawn(self) -> list[int]:
        """The best sequence of all rounds, up to where it is nearest to the goal."""
        count = len(self._actions)
        odds, best, lowest = np.full((HORIZON, count), 1 / count), [0], np.inf
        for _ in range(ROUNDS):
            sequences = np.stack([self._rng.choice(count, size=DRAWN, p=one) for one in odds], axis=1)
            costs = self._costs(sequences)
            order = costs.min(axis=1).argsort()
            if costs[order[0]].min() < lowest:
                lowest = costs[order[0]].min()
                best = sequences[order[0], : int(costs[order[0]].argmin()) + 1].tolist()
            weights = self._weights(costs.min(axis=1))
            share = np.tensordot(weights, sequences[:, :, None] == np.arange(count), axes=1)
            odds = KEPT * odds + (1 - KEPT) * share
        return best

    def _weights(self, costs: np.ndarray) -> np.ndarray:
        """How much each sequence counts in the next round, by its cost [DRAWN]: the best alike, the others nothing."""
        weights = np.zeros(len(costs))
        weights[costs.argsort()[:BEST]] = 1 / BEST
        return weights

    def _costs(self, sequences: np.ndarray) -> np.ndarray:
        """[DRAWN, HORIZON] after each step of some sequences."""
        z, h = (np.repeat(one, len(sequences), axis=0) for one in (self._z, self._h))
        hurry = HURRY * float(np.linalg.norm(self._z[0] - self._goal))
        costs = []
        for step in range(sequences.shape[1]):
            z, h = self._subject.predict(z, h, self._actions[sequences[:, step]])
            costs.append(np.linalg.norm(z - self._goal, axis=1) + hurry * step)
        return np.stack(costs, axis=1)


class PathIntegral(CrossEntropy):
    """Every sequence counts by exp(-cost / temperature); the temperature is a share of how much the costs differ."""

    name = TITLES["mppi-z"]

    def _weights(self, costs: np.ndarray) -> np.ndarray:
        costs = costs.astype(float)
        weights = np.exp((costs.min() - costs) / max(TEMPERATURE * float(costs.std()), 1e-12))
        return weights / weights.sum()
