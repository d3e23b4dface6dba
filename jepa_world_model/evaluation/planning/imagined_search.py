"""Search in imagined z: breadth first over what the model predicts of each action."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jepa_world_model.evaluation.planning.experience import UNKNOWN, Experience
from jepa_world_model.evaluation.planning.planner_names import TITLES
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
    place: list[int]
    parent: list[int]
    action: list[int]


class ImaginedSearch:
    """Imagines every action of every new place, keeps one node for places that look alike, and walks to the node that
    is nearest to the goal's z, of those where it has not stood. It plans again after some moves, and when it sees
    something else than it imagined."""

    name = TITLES["search-z"]

    def __init__(self, subject: EvaluatedModel, actions: np.ndarray, alike: float) -> None:
        """`actions` [N, A]; two z closer than `alike` are one place."""
        self._subject, self._actions, self._alike = subject, actions.astype(np.float32), alike
        self._known = Experience(subject, actions, alike)
        self.plans = 0

    def begin(self, frame: np.ndarray, goal: np.ndarray, displacement: np.ndarray | None) -> None:
        self._goal = self._subject.embed(goal[None])[0]
        self._known.begin(frame)
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
        return self._plan.pop(0) if self._plan else self._known.least_tried()

    def see(self, action: int, frame: np.ndarray) -> None:
        if not self._known.see(action, frame):
            self._plan = []

    def _search(self) -> list[int]:
        known = self._known
        tree = _Tree(known.z[None], known.h[None], [known.place], [-1], [-1])
        level = np.array([0])
        for _ in range(DEPTH):
            level = self._grown(tree, level)
            near = np.linalg.norm(tree.z[level] - self._goal, axis=1) if len(level) else np.array([])
            new = [tree.place[node] == UNKNOWN for node in level]
            if not len(level) or near[new].min(initial=np.inf) < self._alike / 2 or len(tree.parent) >= MOST_NODES:
                break
        nodes = [node for node in range(1, len(tree.parent)) if tree.place[node] == UNKNOWN]
        if not nodes:
            self.imagined = tree.z[:0]
            return []
        distances = np.linalg.norm(tree.z[nodes] - self._goal, axis=1)
        way = _way(tree, nodes[int(distances.argmin())])
        self.imagined = tree.z[way]
        return [tree.action[node] for node in way]

    def _grown(self, tree: _Tree, level: np.ndarray) -> np.ndarray:
        """Every action of every node of a level; the numbers of those nodes that are new places."""
        count = len(self._actions)
        parents, taken = np.repeat(level, count), np.tile(np.arange(count), len(level))
        places = [tree.place[parent] for parent in parents]
        z, h, places = self._known.after(tree.z[parents], tree.h[parents], places, taken.tolist())
        new: list[int] = []
        for number in np.flatnonzero(_nearest(z, tree.z) >= self._alike):
            if not new or _nearest(z[[number]], z[new])[0] >= self._alike:
                new.append(int(number))
        first = len(tree.parent)
        tree.z, tree.h = np.concatenate([tree.z, z[new]]), np.concatenate([tree.h, h[new]])
        tree.place += [places[number] for number in new]
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


def _nearest(z: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance of each z [M, Dz] to the nearest of some others [N, Dz]."""
    squares = np.square(z).sum(axis=1)[:, None] + np.square(others).sum(axis=1) - 2 * z @ others.T
    return np.sqrt(squares.min(axis=1).clip(0))


def _way(tree: _Tree, node: int) -> list[int]:
    """The nodes from the first move to a node."""
    nodes = []
    while tree.parent[node] >= 0:
        nodes.append(node)
        node = tree.parent[node]
    return nodes[::-1]
