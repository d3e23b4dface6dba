"""Search in q and in p: A* over imagined places, which the model's own pose tells apart and measures."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from jepa_world_model.evaluation.planning.places import Places
from jepa_world_model.evaluation.subject import EvaluatedModel

MOST_NODES = 600
TOGETHER = 0.5
"""Nodes whose estimates are less than so many moves above the lowest are imagined in one batch."""
NEAR = 0.5
"""Poses closer than this share of a move are one place."""
AROUND, BEYOND = 1.5, 2.0
"""Places closer to the goal's pose than so many moves are compared with the goal; the search goes on so many moves
after it has found the first."""
STUCK = 0.35
"""A move that changes the pose by less than this share of what it usually does was blocked."""


@dataclass
class _Tree:
    """Imagined nodes; a list has an entry for each."""

    z: list[np.ndarray]
    h: list[np.ndarray]
    q: list[np.ndarray]
    parent: list[int]
    action: list[int]
    moves: list[int]


class PlaceSearch:
    """Imagines the most promising places first: moves so far, and the moves that a straight line to the goal's pose
    has. It plans again where a frame has another pose than was imagined, and remembers where it did not get on.

    A goal's pose may be a little off. Where a plan ended it need not look again: the next one leads to the nearest of
    the other places.
    """

    name = "search in q"

    def __init__(self, subject: EvaluatedModel, actions: np.ndarray, unit: float) -> None:
        """`actions` [N, A]; `unit` is the distance that a move makes in q."""
        self._subject, self._actions, self._unit = subject, actions.astype(np.float32), unit
        self.plans = 0

    def begin(self, frame: np.ndarray, goal: np.ndarray, displacement: np.ndarray | None) -> None:
        self._look = self._subject.embed(goal[None])[0]
        self._goal = self._pose(self._look[None])[0]
        self._z = self._subject.embed(frame[None])
        self._h, self._q = self._subject.begin(self._z), self._pose(self._z)[0]
        self._forget()

    def _forget(self) -> None:
        """What was found out on the way to another goal."""
        self._been = Places(NEAR * self._unit)
        self._blocked = [Places(NEAR * self._unit) for _ in self._actions]
        self._plan: list[int] = []
        self.imagined = np.empty((0, self._z.shape[1]), np.float32)
        """z [M, Dz] of the moves that are planned, the next first."""
        self.plans = 0

    def act(self) -> int:
        if not self._plan:
            if self._unit > 0:
                self._been.added(self._q)
            self._plan = self._search()
            self.plans += 1
        self.imagined = self.imagined[len(self.imagined) - len(self._plan) :]
        return self._plan.pop(0) if self._plan else len(self._actions) - 1

    def see(self, action: int, frame: np.ndarray) -> None:
        expected, self._h = self._subject.predict(self._z, self._h, self._actions[action][None])
        self._z = self._subject.embed(frame[None])
        before, self._q = self._q, self._pose(self._z)[0]
        if not self._is_near(self._q, self._pose(expected)[0]):
            self._plan = []
            if np.linalg.norm(self._q - before) < STUCK * self._unit and self._unit > 0:
                self._blocked[action].added(before)

    def _search(self) -> list[int]:
        tree = _Tree([self._z[0]], [self._h[0]], [self._q], [-1], [-1], [0])
        places = Places(NEAR * self._unit)
        queue = [(self._moves_left(self._q), 0)] if self._unit > 0 and places.added(self._q) else []
        around, enough = [], np.inf
        while queue and len(tree.parent) < MOST_NODES and queue[0][0] < enough:
            lowest, nodes = queue[0][0], []
            while queue and queue[0][0] < lowest + TOGETHER:
                nodes.append(heapq.heappop(queue)[1])
            for node in self._grown(tree, places, nodes):
                heapq.heappush(queue, (tree.moves[node] + self._moves_left(tree.q[node]), node))
                if self._moves_left(tree.q[node]) < AROUND and self._been.find(tree.q[node]) is None:
                    around.append(node)
                    enough = min(enough, queue[0][0] + BEYOND)
        new = around or [node for node in range(1, len(tree.q)) if self._been.find(tree.q[node]) is None]
        nodes = new or range(1, len(tree.q))
        differs = self._differs if around else lambda tree, node: self._moves_left(tree.q[node])
        return self._way(tree, min(nodes, key=lambda node: differs(tree, node))) if nodes else []

    def _differs(self, tree: _Tree, node: int) -> float:
        """How unlike the goal a place looks: of a few places around the goal's pose, that tells more than the pose."""
        return float(np.square(tree.z[node] - self._look).sum())

    def _grown(self, tree: _Tree, places: Places, nodes: list[int]) -> list[int]:
        """Every action of some nodes; the numbers of those that lead to new places."""
        pairs = [(node, action) for node in nodes for action in range(len(self._actions))]
        pairs = [(node, action) for node, action in pairs if self._blocked[action].find(tree.q[node]) is None]
        if not pairs:
            return []
        parents, actions = (list(column) for column in zip(*pairs, strict=True))
        z, h = self._subject.predict(
            np.stack([tree.z[node] for node in parents]),
            np.stack([tree.h[node] for node in parents]),
            self._actions[actions],
        )
        new = []
        for number, q in enumerate(self._poses_after(tree, parents, actions, z)):
            if not places.added(q):
                continue
            new.append(len(tree.parent))
            tree.z.append(z[number])
            tree.h.append(h[number])
            tree.q.append(q)
            tree.parent.append(parents[number])
            tree.action.append(actions[number])
            tree.moves.append(tree.moves[parents[number]] + 1)
        return new

    def _way(self, tree: _Tree, node: int) -> list[int]:
        """The actions from where it stands to a node."""
        nodes = []
        while tree.parent[node] >= 0:
            nodes.append(node)
            node = tree.parent[node]
        self.imagined = np.stack([tree.z[node] for node in nodes[::-1]])
        return [tree.action[node] for node in nodes[::-1]]

    def _poses_after(self, tree: _Tree, parents: list[int], actions: list[int], z: np.ndarray) -> np.ndarray:
        """The poses [M, Dp] that some nodes have after an action each, which led to z [M, Dz]."""
        return self._pose(z)

    def _pose(self, z: np.ndarray) -> np.ndarray:
        q = self._subject.place_pose(z)
        if q is None:
            raise ValueError("search in q needs a model that gives a place a pose")
        return q

    def _moves_left(self, q: np.ndarray) -> float:
        return float(np.linalg.norm(self._goal - q)) / self._unit

    def _is_near(self, one: np.ndarray, other: np.ndarray) -> bool:
        return bool(np.linalg.norm(one - other) < NEAR * self._unit)


class PoseSearch(PlaceSearch):
    """The same in p: a place is told by the increments that were added up on the way to it, and by nothing else."""

    name = "search in p"

    def begin(self, frame: np.ndarray, goal: np.ndarray, displacement: np.ndarray | None) -> None:
        if displacement is None:
            raise ValueError("planning with p needs the goal's displacement: expected a task that has one")
        self._z = self._subject.embed(frame[None])
        self._h, self._q = self._subject.begin(self._z), self._subject.origin(1)[0]
        self._goal = self._q + displacement
        self._forget()

    def see(self, action: int, frame: np.ndarray) -> None:
        row = self._actions[action][None]
        self._q = self._q + self._subject.move(self._q[None], self._h, row)[0]
        _, self._h = self._subject.predict(self._z, self._h, row)
        self._z = self._subject.embed(frame[None])

    def _differs(self, tree: _Tree, node: int) -> float:
        return self._moves_left(tree.q[node])

    def _poses_after(self, tree: _Tree, parents: list[int], actions: list[int], z: np.ndarray) -> np.ndarray:
        poses, h = np.stack([tree.q[node] for node in parents]), np.stack([tree.h[node] for node in parents])
        return poses + self._subject.move(poses, h, self._actions[actions])
