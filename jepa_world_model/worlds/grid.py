"""The embedded grid worlds, step by step."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from jepa_world_model.data.grid_map import CELLS, FIELD_MAP, LOOP_MAP, MOVES, NOOP, ROOMS_MAP, grid_map
from jepa_world_model.data.grid_paint import (
    AGENT,
    IMAGE_SIZE,
    KEY,
    paint_loop,
    paint_rooms,
    paste,
    rescale,
    room_numbers,
)
from jepa_world_model.data.grid_world import ACTION_VECTORS, EMBEDDED, check_image_size
from jepa_world_model.data.spec import ActionKind, DataSpec
from jepa_world_model.errors import UserError, nearest


class GridState(NamedTuple):
    """Cells are numbered row by row."""

    cell: int
    key: int | None = None
    """Where the key lies or lay; None in a world without one."""
    taken: bool = False


class GridWorld:
    """`grid-rooms` or `grid-loops` (`data/grid_world.py`), from any state. Implements `World`.

    In `grid-loops` one can walk across the field, which the recorded walks only go round.
    """

    def __init__(self, name: str, image_size: int = IMAGE_SIZE) -> None:
        """Raises UserError for an unknown name, and for a size to which the world cannot be scaled."""
        if name not in EMBEDDED:
            raise UserError(f"unknown embedded world {name!r}. {nearest(name, EMBEDDED)}")
        check_image_size(name, image_size)
        self.name, self.cells = name, CELLS
        self.spec = DataSpec(image_size, 3, len(MOVES), ActionKind.ONE_HOT, tuple(MOVES))
        self.actions, self.action_names = ACTION_VECTORS, (*MOVES, "noop")
        self.has_key = name == "grid-rooms"
        self.map = grid_map(ROOMS_MAP if self.has_key else FIELD_MAP)
        drawn = self.map if self.has_key else grid_map(LOOP_MAP)
        self._background = (paint_rooms if self.has_key else paint_loop)(drawn.floor)
        rooms = room_numbers(self.map.floor)
        self._starts = np.flatnonzero(rooms >= 0) if self.has_key else np.array(drawn.floor_cells)
        self._inside = np.flatnonzero(~drawn.floor)
        self.goals = "of other episodes" if self.has_key else "cells inside the ring, where training never was"
        self.trained_goals = self.has_key

    def reset(self, rng: np.random.Generator) -> GridState:
        """A random cell where episodes begin; in `grid-rooms` the key lies in another one."""
        if not self.has_key:
            return GridState(int(rng.choice(self._starts)))
        start, key = (int(cell) for cell in rng.choice(self._starts, size=2, replace=False))
        return GridState(start, key)

    def goal(self, start: GridState, rng: np.random.Generator) -> GridState:
        """What another episode begins with, in `grid-rooms`; in `grid-loops` a cell inside the ring."""
        return self.reset(rng) if self.has_key else GridState(int(rng.choice(self._inside)))

    def step(self, state: GridState, action: int) -> GridState:
        """A move into a wall stays; stepping on the key takes it. Action number 4 is the NOOP."""
        if not 0 <= action <= NOOP:
            raise ValueError(f"action: expected 0 to {NOOP}, found {action}")
        cell = self.map.next_cell[state.cell][action]
        return GridState(cell, state.key, state.taken or cell == state.key)

    def render(self, state: GridState) -> np.ndarray:
        """[H, W, 3] uint8, the picture that `data/grid_world.py` draws of this state."""
        frame = self._background[None].copy()
        if state.key is not None and not state.taken:
            paste(frame, KEY, np.zeros(1, dtype=int), np.array([state.key]))
        paste(frame, AGENT, np.zeros(1, dtype=int), np.array([state.cell]))
        size = self.spec.image_size
        return (frame if size == IMAGE_SIZE else rescale(frame, size))[0]

    def truth(self, state: GridState) -> Mapping[str, np.ndarray]:
        """position [2]; in `grid-rooms` also inventory [] and key [2]."""
        found = {"position": _position(state.cell)}
        if state.key is not None:
            found |= {"inventory": np.array(int(state.taken)), "key": _position(state.key)}
        return found

    def placed(self, truth: Mapping[str, np.ndarray]) -> GridState:
        """The state that a row of truth describes. Raises UserError where the truth does not say enough."""
        needed = ("position", "key", "inventory") if self.has_key else ("position",)
        if absent := [name for name in needed if name not in truth]:
            raise UserError(f"{self.name}: a state needs {', '.join(needed)}; the truth has no {', '.join(absent)}")
        cell = _cell(truth["position"])
        return GridState(cell, _cell(truth["key"]), bool(truth["inventory"])) if self.has_key else GridState(cell)

    def states(self) -> list[GridState]:
        """Every state, for an oracle."""
        if not self.has_key:
            return [GridState(cell) for cell in self.map.floor_cells]
        return [
            GridState(cell, int(key), taken)
            for key in self._starts
            for cell in self.map.floor_cells
            for taken in (False, True)
            if taken or cell != key
        ]


def _position(cell: int) -> np.ndarray:
    return np.array([cell // CELLS, cell % CELLS])


def _cell(position: np.ndarray) -> int:
    return int(position[0]) * CELLS + int(position[1])
