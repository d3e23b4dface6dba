"""Search in imagined z: breadth first over what the model predicts of each action."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jepa_world_model.evaluation.subject import EvaluatedModel

DEPTH = 24
MOST_NODES = 600
REPLAN = 4
"""Moves that are made before the next plan."""


@dataclass
class _Tree:
    """Imagined nodes: arrays grow level by level."""

    z: np.ndarray
    h: np.ndarray
    parent: list[int]
    action: list[int]


class ImaginedSearch:
    """Imagines every action of every new place, keeps one node for places that look alike, and walks to the node that
    is nearest to the goal's z. It plans again after some moves."""

    name = "search in imagined z"

    def __init__(self, subject: EvaluatedModel, actions: np.ndarray, alike: float) -> None:
        """`actions` [N, A]; two z closer than `alike` are one place."""
        self._subject, self._actions, self._alike = subject, actions.astype(np.float32), alike
        self.plans = 0

    def begin(self, frame: np.ndarray, goal: np.ndarray, displacement: np.ndarray | None) -> None:
        self._goal = self._subject.embed(goal[None])[0]
        self._z = self._subject.embed(frame[None])
        self._h = self._subject.begin(self._z)
        self._plan: list[int] = []
        self.imagined = np.empty((0, self._goal.shape[0]), np.float32)
        """z [M, Dz] of the moves that are planned, the next first."""
        self._since = 0
        self.plans = 0

    def act(self) -> int:
        if not self._plan or self._since >= REPLAN:
            self._plan, self._since = self._search(), 0
            self.plans += 1
        self._since += 1
        self.imagined = self.imagined[len(self.imagined) - len(self._plan) :]
        return self._plan.pop(0) if self._plan else len(self._actions) - 1

    def see(self, action: int, frame: np.ndarray) -> None:
        _, self._h = self._subject.predict(self._z, self._h, self._actions[action][None])
        self._z = self._subject.embed(frame[None])

    def _search(self) -> list[int]:
        tree = _Tree(self._z, self._h, [-1], [-1])
        level = np.array([0])
        for _ in range(DEPTH):
            level = self._grown(tree, level)
            near = np.linalg.norm(tree.z[level] - self._goal, axis=1) if len(level) else np.array([])
            if not len(level) or near.min() < self._alike / 2 or len(tree.parent) >= MOST_NODES:
                break
        distances = np.linalg.norm(tree.z[1:] - self._goal, axis=1)
        nodes = _way(tree, 1 + int(distances.argmin())) if len(distances) else []
        self.imagined = tree.z[nodes]
        return [tree.action[node] for node in nodes]

    def _grown(self, tree: _Tree, level: np.ndarray) -> np.ndarray:
        """Every action of every node of a level; the numbers of those nodes that are new places."""
        count = len(self._actions)
        parents, taken = np.repeat(level, count), np.tile(np.arange(count), len(level))
        z, h = self._subject.predict(tree.z[parents], tree.h[parents], self._actions[taken])
        new: list[int] = []
        known = np.concatenate([tree.z, np.empty((0, z.shape[1]), z.dtype)])
        for number in range(len(z)):
            if np.square(known - z[number]).sum(axis=1).min() >= self._alike**2:
                known = np.concatenate([known, z[number : number + 1]])
                new.append(number)
        first = len(tree.parent)
        tree.z, tree.h = known, np.concatenate([tree.h, h[new]])
        tree.parent += parents[new].tolist()
        tree.action += taken[new].tolist()
        return np.arange(first, len(tree.parent))


def alike_distance(z: np.ndarray) -> float:
    """Half of the usual distance between successive places: what is closer is one place. z [N, T, Dz]

    Steps that hardly move z, such as a NOOP, do not count.
    """
    steps = np.linalg.norm(np.diff(z, axis=1), axis=-1).ravel()
    moved = steps[steps > steps.mean() / 4]
    return float(np.median(moved)) / 2 if len(moved) else 0.0


def _way(tree: _Tree, node: int) -> list[int]:
    """The nodes from the first move to a node."""
    nodes = []
    while tree.parent[node] >= 0:
        nodes.append(node)
        node = tree.parent[node]
    return nodes[::-1]
