"""Search in q and in p: A* over imagined places, which the model's own pose tells apart and measures."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from jepa_world_model.evaluation.planning.experience import UNKNOWN, Experience
from jepa_world_model.evaluation.planning.places import Places
from jepa_world_model.evaluation.planning.planner_names import TITLES
from jepa_world_model.evaluation.subject import EvaluatedModel

MOST_NODES = 600
TOGETHER = 0.5
"""Nodes whose estimates are less than so many moves above the lowest are imagined in one batch."""
NEAR = 0.25
"""Poses closer than this share of a move are one place."""
AROUND, BEYOND = 1.5, 2.0
"""Places closer to the goal's pose than so many moves are compared with the goal; the search goes on so many moves
after it has found the first."""


@dataclass
class _Tree:
    """Imagined nodes; a list has an entry for each."""

    z: list[np.ndarray]
    h: list[np.ndarray]
    q: list[np.ndarray]
    place: list[int]
    parent: list[int]
    action: list[int]
    moves: list[int]


class PlaceSearch:
    """Imagines the most promising places first: moves so far, and the moves that a straight line to the goal's pose
    has. It plans again where a frame has another pose than was imagined, and keeps what it found out on its way.

    A goal's pose may be a little off. Where the agent has stood it need not look again: the next plan leads to the
    nearest of the other places.
    """

    name = TITLES["search-q"]

    def __init__(self, subject: EvaluatedModel, actions: np.ndarray, unit: float, alike: float) -> None:
        """`actions` [N, A]; `unit` is the distance that a move makes in q; two z closer than `alike` are one place."""
        self._subject, self._actions, self._unit = subject, actions.astype(np.float32), unit
        self._known = Experience(subject, actions, alike)
        self.plans = 0

    def begin(self, frame: np.ndarray, goal: np.ndarray, displacement: np.ndarray | None) -> None:
        self._look = self._subject.embed(goal[None])[0]
        self._goal = self._pose(self._look[None])[0]
        self._known.begin(frame)
        self._q = self._pose(self._known.z[None])[0]
        self._forget()

    def _forget(self) -> None:
        """What was planned on the way to another goal."""
        self._plan: list[int] = []
        self._ahead: list[np.ndarray] = []
        """The poses of the moves that are planned, the next first."""
        self.imagined = np.empty((0, len(self._known.z)), np.float32)
        """z [M, Dz] of the moves that are planned, the next first."""
        self.plans = 0

    def act(self) -> int:
        if not self._plan:
            self._plan = self._search()
            self.plans += 1
        self.imagined = self.imagined[len(self.imagined) - len(self._plan) :]
        return self._plan.pop(0) if self._plan else self._known.least_tried()

    def see(self, action: int, frame: np.ndarray) -> None:
        self._q = self._followed(action, frame)
        if self._ahead and np.linalg.norm(self._ahead.pop(0) - self._q) >= NEAR * self._unit:
            self._plan = []

    def _followed(self, action: int, frame: np.ndarray) -> np.ndarray:
        """The pose [Dp] after an action, which a frame followed."""
        self._known.see(action, frame)
        return self._pose(self._known.z[None])[0]

    def _search(self) -> list[int]:
        known = self._known
        tree = _Tree([known.z], [known.h], [self._q], [known.place], [-1], [-1], [0])
        places = Places(NEAR * self._unit)
        queue = [(self._moves_left(self._q), 0)] if self._unit > 0 and places.added(self._q) else []
        around, enough = [], np.inf
        while queue and len(tree.parent) < MOST_NODES and queue[0][0] < enough:
            lowest, nodes = queue[0][0], []
            while queue and queue[0][0] < lowest + TOGETHER:
                nodes.append(heapq.heappop(queue)[1])
            for node in self._grown(tree, places, nodes):
                heapq.heappush(queue, (tree.moves[node] + self._moves_left(tree.q[node]), node))
                if self._moves_left(tree.q[node]) < AROUND and tree.place[node] == UNKNOWN:
                    around.append(node)
                    enough = min(enough, queue[0][0] + BEYOND)
        nodes = around or [node for node in range(1, len(tree.q)) if tree.place[node] == UNKNOWN]
        differs = self._differs if around else lambda tree, node: self._moves_left(tree.q[node])
        self._ahead = []
        return self._way(tree, min(nodes, key=lambda node: differs(tree, node))) if nodes else []

    def _differs(self, tree: _Tree, node: int) -> float:
        """How unlike the goal a place looks: of a few places around the goal's pose, that tells more than the pose."""
        return float(np.square(tree.z[node] - self._look).sum())

    def _grown(self, tree: _Tree, places: Places, nodes: list[int]) -> list[int]:
        """Every action of some nodes; the numbers of those that lead to new places."""
        pairs = [(node, action) for node in nodes for action in range(len(self._actions))]
        parents, actions = (list(column) for column in zip(*pairs, strict=True))
        z, h, known = self._known.after(
            np.stack([tree.z[node] for node in parents]),
            np.stack([tree.h[node] for node in parents]),
            [tree.place[node] for node in parents],
            actions,
        )
        new = []
        for number, q in enumerate(self._poses_after(tree, parents, actions, z, known)):
            if known[number] == tree.place[parents[number]] != UNKNOWN or not places.added(q):
                continue
            new.append(len(tree.parent))
            tree.z.append(z[number])
            tree.h.append(h[number])
            tree.q.append(q)
            tree.place.append(known[number])
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
        self._ahead = [tree.q[node] for node in nodes[::-1]]
        return [tree.action[node] for node in nodes[::-1]]

    def _poses_after(
        self, tree: _Tree, parents: list[int], actions: list[int], z: np.ndarray, known: list[int]
    ) -> np.ndarray:
        """The poses [M, Dp] that some nodes have after an action each, which led to z [M, Dz] or to a known place."""
        return self._pose(z)

    def _pose(self, z: np.ndarray) -> np.ndarray:
        q = self._subject.place_pose(z)
        if q is None:
            raise ValueError("search in q needs a model that gives a place a pose")
        return q

    def _moves_left(self, q: np.ndarray) -> float:
        return float(np.linalg.norm(self._goal - q)) / self._unit


class PoseSearch(PlaceSearch):
    """The same in p: the pose of a place is the sum of the increments on the way to it. A frame that shows where the
    agent has stood before takes it back to the pose that it had there; so a move that a wall blocked adds nothing."""

    name = TITLES["search-p"]

    def begin(self, frame: np.ndarray, goal: np.ndarray, displacement: np.ndarray | None) -> None:
        if displacement is None:
            raise ValueError("planning with p needs the goal's displacement: expected a task that has one")
        self._known.begin(frame)
        self._q = self._subject.origin(1)[0]
        self._goal = self._q + displacement
        self._stood = {self._known.place: self._q}
        self._forget()

    def _followed(self, action: int, frame: np.ndarray) -> np.ndarray:
        increment = self._subject.move(self._q[None], self._known.h[None], self._actions[action][None])[0]
        self._known.see(action, frame)
        return self._stood.setdefault(self._known.place, self._q + increment)

    def _differs(self, tree: _Tree, node: int) -> float:
        return self._moves_left(tree.q[node])

    def _poses_after(
        self, tree: _Tree, parents: list[int], actions: list[int], z: np.ndarray, known: list[int]
    ) -> np.ndarray:
        poses, h = np.stack([tree.q[node] for node in parents]), np.stack([tree.h[node] for node in parents])
        poses = poses + self._subject.move(poses, h, self._actions[actions])
        return np.stack([self._stood.get(place, pose) for place, pose in zip(known, poses, strict=True)])
