"""A tiny Gymnasium environment of a field with a wall, that tells where its agent is, and broken ones."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))
SIDE, CELL = 6, 4


class Field(gymnasium.Env):
    """Discrete actions up, down, left, right. Column 2 is a wall but for one gap, which the seed decides."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    action_space = spaces.Discrete(4)
    observation_space = spaces.Box(0, SIDE, (2,), np.int64)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode, self.steps = render_mode, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.gap, self.agent_pos, self.steps = int(self.np_random.integers(SIDE)), (0, 0), 0
        return np.array(self.agent_pos), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        down, right = MOVES[action]
        column, row = self.agent_pos[0] + right, self.agent_pos[1] + down
        self.steps += 1
        if 0 <= column < SIDE and 0 <= row < SIDE and (column != 2 or row == self.gap):
            self.agent_pos = (column, row)
        return np.array(self.agent_pos), 0.0, self.steps >= 30, False, {}

    def render(self) -> np.ndarray:
        cells = np.full((SIDE, SIDE, 3), 40, np.uint8)
        cells[[row for row in range(SIDE) if row != self.gap], 2] = 120
        cells[self.agent_pos[1], self.agent_pos[0]] = (250, 200, 0)
        return cells.repeat(CELL, axis=0).repeat(CELL, axis=1)

    def get_action_meanings(self) -> list[str]:
        return ["up", "down", "left", "right"]


class Placeless(Field):
    """Does not tell where its agent is."""

    @property
    def agent_pos(self) -> Any:
        raise AttributeError("agent_pos")

    @agent_pos.setter
    def agent_pos(self, place: Any) -> None:
        self.place = place

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        column, row = self.place
        self.place = ((column + action) % SIDE, row)
        return np.array(self.place), 0.0, False, False, {}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        self.place, self.gap = (0, 0), 0
        return np.array(self.place), {}

    def render(self) -> np.ndarray:
        image = np.zeros((8, 8, 3), np.uint8)
        image[self.place[1], self.place[0]] = 255
        return image


class Secretive(Field):
    """Its agent is where a closure says, which cannot be pickled."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        place = [0, 0]
        self.walk = lambda right: place.__setitem__(0, (place[0] + 1 + right) % SIDE)
        self.where = lambda: tuple(place)
        return np.array(place), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.walk(0)
        return super().step(action)

    def render(self) -> np.ndarray:
        image = np.zeros((SIDE, SIDE, 3), np.uint8)
        image[self.where()[1], self.where()[0]] = 255
        return image


TOYS = {"Field-v0": Field, "Placeless-v0": Placeless, "Secretive-v0": Secretive}
