"""Policies of the embedded worlds: persistent walks with a few pauses, random moves, and tries at walls."""

import numpy as np

from jepa_world_model.data.grid_map import FIELD_MAP, MOVES, NOOP, GridMap, grid_map

PAUSE = 0.04  # probability of a NOOP
STRAY = 0.08  # probability of a random move
BUMP = 0.1  # probability of a move into a wall, beside one: whoever never tries does not learn what blocks
SEEK_KEY = 0.3  # probability that the next goal is the key
TURN_BACK = 0.03  # probability of reversing in the ring

Walk = tuple[np.ndarray, np.ndarray]  # cells [T], actions [T]; the last action is NOOP


def walk_to_goals(grid: GridMap, rng: np.random.Generator, length: int, start: int, key: int) -> Walk:
    """Walk along shortest paths from one random goal to the next, straight on where that is as short."""
    cells, actions = [start], []
    goal, action = key if rng.random() < SEEK_KEY else _any(rng, grid.floor_cells), NOOP
    for _ in range(length - 1):
        cell = cells[-1]
        while cell == goal:
            goal = key if key not in cells and rng.random() < SEEK_KEY else _any(rng, grid.floor_cells)
        nearer = [
            move for move in range(NOOP) if grid.distance[grid.next_cell[cell][move], goal] < grid.distance[cell, goal]
        ]
        action = _disturb(rng, grid, cell, action if action in nearer else _any(rng, nearer))
        actions.append(action)
        cells.append(grid.next_cell[cell][action])
    return np.array(cells), np.array([*actions, NOOP])


def walk_round(grid: GridMap, rng: np.random.Generator, length: int, start: int) -> Walk:
    """Walk round a ring, on and on in one direction, and turn back now and then. Never try to leave it inwards."""
    field, cells, actions = grid_map(FIELD_MAP), [start], []
    heading = _any(rng, _open_moves(grid, start))
    for _ in range(length - 1):
        cell = cells[-1]
        if rng.random() < TURN_BACK:
            heading = opposite(heading)
        if grid.next_cell[cell][heading] == cell:  # a corner, or turned against the wall
            heading = _any(rng, [move for move in _open_moves(grid, cell) if move != opposite(heading)])
        action = _disturb(rng, field, cell, heading)
        if field.next_cell[cell][action] != grid.next_cell[cell][action]:
            action = heading
        actions.append(action)
        cells.append(grid.next_cell[cell][action])
    return np.array(cells), np.array([*actions, NOOP])


def opposite(move: int) -> int:
    """Return the move that undoes ``move``."""
    row, column = tuple(MOVES.values())[move]
    return tuple(MOVES.values()).index((-row, -column))


def _disturb(rng: np.random.Generator, grid: GridMap, cell: int, action: int) -> int:
    chance = rng.random()
    if chance < PAUSE:
        return NOOP
    if chance < PAUSE + STRAY:
        return int(rng.integers(NOOP))
    walls = [move for move in range(NOOP) if grid.next_cell[cell][move] == cell]
    return _any(rng, walls) if walls and chance < PAUSE + STRAY + BUMP else action


def _open_moves(grid: GridMap, cell: int) -> list[int]:
    return [move for move in range(NOOP) if grid.next_cell[cell][move] != cell]


def _any(rng: np.random.Generator, choices: tuple[int, ...] | list[int]) -> int:
    return choices[rng.integers(len(choices))]
