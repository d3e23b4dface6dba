"""What a planner finds out on its way: where it has stood, and where each action led it from there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jepa_world_model.evaluation.subject import EvaluatedModel

UNKNOWN = -1
"""The number of a place where the agent has not stood."""


class Consequences(NamedTuple):
    """What some actions lead to, as imagined or as known."""

    z: np.ndarray
    """[M, Dz]"""
    h: np.ndarray
    """[M, Dh]"""
    place: list[int]
    """Numbers of places where the agent has stood, or `UNKNOWN`."""


class Experience:
    """Follows one walk and remembers it. Where an action was tried, what it led to is known and need not be imagined:
    a wall that imagination overlooks is run into once.

    Places are told apart by z alone, which frames give; a pose may be wrong.
    """

    def __init__(self, subject: EvaluatedModel, actions: np.ndarray, alike: float) -> None:
        """`actions` [N, A]; two z closer than `alike` are one place."""
        self._subject, self._actions, self._alike = subject, actions.astype(np.float32), alike

    def begin(self, frame: np.ndarray) -> None:
        """Forget the last walk, and stand at what a frame [H, W, C] shows."""
        self.z = self._subject.embed(frame[None])[0]
        """Of the present frame, [Dz]."""
        self.h = self._subject.begin(self.z[None])[0]
        self._z: list[np.ndarray] = []
        self._h: list[np.ndarray] = []
        self._led: dict[tuple[int, int], int] = {}
        self.tried: dict[tuple[int, int], int] = {}
        """How often each action was made at each place."""
        self.place = self._stood()

    def see(self, action: int, frame: np.ndarray) -> bool:
        """What followed an action. Returns whether it was what the model imagined, or what was known."""
        before = self.place
        expected, h = self._subject.predict(self.z[None], self.h[None], self._actions[action][None])
        known = self._led.get((before, action))
        self.z, self.h = self._subject.embed(frame[None])[0], h[0]
        self.place = self._stood()
        self._led[before, action] = self.place
        self.tried[before, action] = self.tried.get((before, action), 0) + 1
        return known == self.place if known is not None else self._are_alike(expected[0], self.z)

    def least_tried(self) -> int:
        """The action that was made least often here, the first of several."""
        return min(range(len(self._actions)), key=lambda action: self.tried.get((self.place, action), 0))

    def after(self, z: np.ndarray, h: np.ndarray, place: Sequence[int], actions: Sequence[int]) -> Consequences:
        """What some actions lead to, each from a z [M, Dz], h [M, Dh] and number of its place."""
        following, hidden = self._subject.predict(z, h, self._actions[list(actions)])
        found = self._find(following)
        places = [self._led.get(pair, seen) for pair, seen in zip(zip(place, actions, strict=True), found, strict=True)]
        for row, number in enumerate(places):
            if number != UNKNOWN:
                following[row], hidden[row] = self._z[number], self._h[number]
        return Consequences(following, hidden, places)

    def _stood(self) -> int:
        (number,) = self._find(self.z[None])
        if number == UNKNOWN:
            self._z.append(self.z)
            self._h.append(self.h)
            return len(self._z) - 1
        self._z[number], self._h[number] = self.z, self.h
        return number

    def _find(self, z: np.ndarray) -> list[int]:
        """For each z [M, Dz] the nearest place where it has stood, if that is alike."""
        if not self._z:
            return [UNKNOWN] * len(z)
        distances = np.linalg.norm(z[:, None] - np.stack(self._z), axis=-1)
        return np.where(distances.min(axis=1) < self._alike, distances.argmin(axis=1), UNKNOWN).tolist()

    def _are_alike(self, one: np.ndarray, other: np.ndarray) -> bool:
        return bool(np.linalg.norm(one - other) < self._alike)
