"""Models with known answers, made from the rules of a grid world, and what is broken in some of them."""

from __future__ import annotations

import numpy as np

from jepa_world_model.data.grid_map import CELLS
from jepa_world_model.worlds.grid import GridState, GridWorld

CELL_COUNT = CELLS**2
WIDTH = 2 * CELL_COUNT + 1


class OracleSubject:
    """Knows every picture of its world. z is the state, one-hot; h is z and the last action; p is the position."""

    def __init__(self, world: GridWorld) -> None:
        self.world = world
        self._state_of = {world.render(state).tobytes(): state for state in world.states()}

    def embed(self, frames: np.ndarray) -> np.ndarray:
        return np.stack([self.code(self._state_of[frame.tobytes()]) for frame in frames])

    def begin(self, z: np.ndarray) -> np.ndarray:
        return np.concatenate([z, np.zeros((len(z), 5), dtype=np.float32)], axis=1)

    def predict(self, z: np.ndarray, h: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        numbers = [self.number(action) for action in actions]
        following = np.stack(
            [self.code(self.after(state, n)) for state, n in zip(self.states(z), numbers, strict=True)]
        )
        return following, np.concatenate([following, np.eye(5, dtype=np.float32)[numbers]], axis=1)

    def decode(self, z: np.ndarray) -> np.ndarray:
        return np.stack([self.world.render(state) for state in self.states(z)]).astype(np.float32) / 255

    def move(self, p: np.ndarray, h: np.ndarray, actions: np.ndarray) -> np.ndarray:
        states = self.states(h[:, :WIDTH])
        found = [
            self.world.truth(self.after(state, self.number(action)))["position"] - self.world.truth(state)["position"]
            for state, action in zip(states, actions, strict=True)
        ]
        return np.stack(found).astype(np.float32)

    def origin(self, count: int) -> np.ndarray:
        return np.zeros((count, 2), dtype=np.float32)

    def place_pose(self, z: np.ndarray) -> np.ndarray | None:
        return np.stack([self.world.truth(state)["position"] for state in self.states(z)]).astype(np.float32)

    def read_action(self, h: np.ndarray, following: np.ndarray) -> np.ndarray:
        return following[:, WIDTH : WIDTH + 4] - following[:, WIDTH + 4 :] * 9

    def after(self, state: GridState, action: int) -> GridState:
        return self.world.step(state, action)

    @staticmethod
    def number(action: np.ndarray) -> int:
        return int(action.argmax()) if action.any() else 4

    @staticmethod
    def code(state: GridState) -> np.ndarray:
        """A key that was taken leaves no trace of where it lay: the picture has none either."""
        z = np.zeros(WIDTH, dtype=np.float32)
        z[state.cell] = 3  # place counts most, then the inventory
        if state.key is not None and not state.taken:
            z[CELL_COUNT + state.key] = 1
        z[-1] = 2 * state.taken
        return z

    @staticmethod
    def states(z: np.ndarray) -> list[GridState]:
        found = []
        for row in z:
            key, taken = row[CELL_COUNT : 2 * CELL_COUNT], bool(row[-1])
            lies = int(key.argmax()) if key.any() else None
            found.append(GridState(int(row[:CELL_COUNT].argmax()), 0 if taken else lies, taken))
        return found


class DeafSubject(OracleSubject):
    """Ignores actions: whatever is done, it imagines and integrates the same move."""

    def after(self, state: GridState, action: int) -> GridState:
        return self.world.step(state, 1)


class StillSubject(OracleSubject):
    """Its p never moves."""

    def move(self, p: np.ndarray, h: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return np.zeros_like(p)


class NowhereSubject(OracleSubject):
    """Every place has the same pose."""

    def place_pose(self, z: np.ndarray) -> np.ndarray | None:
        return np.zeros((len(z), 2), dtype=np.float32)


class UnposedSubject(OracleSubject):
    """Reads no pose from a place."""

    def place_pose(self, z: np.ndarray) -> np.ndarray | None:
        return None


class BlindSubject(OracleSubject):
    """Its z has nothing to do with the frame."""

    def embed(self, frames: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(frames[:1].astype(np.uint64).sum())
        states = self.world.states()
        return np.stack([self.code(states[number]) for number in rng.integers(len(states), size=len(frames))])
