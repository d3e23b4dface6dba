"""Maps of the embedded worlds: where one can stand, and where each move leads."""

from collections import deque
from dataclasses import dataclass
from functools import cache

import numpy as np

CELLS = 9  # a map is CELLS x CELLS
MOVES = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
NOOP = len(MOVES)  # the index after the last move; as an action vector it is all zeros

ROOMS_MAP = """
....#....
....#....
.........
....#....
#.####.##
....#....
.........
....#....
....#....
"""

LOOP_MAP = """
.........
.#######.
.#######.
.#######.
.#######.
.#######.
.#######.
.#######.
.........
"""
"""Where the walk of grid-loops goes: all round the field, never into it."""

FIELD_MAP = f"{'.' * CELLS}\n" * CELLS
"""Where one can stand in grid-loops."""


@dataclass(frozen=True, eq=False)
class GridMap:
    """Cells are numbered row by row. All tables are indexed by cell number."""

    floor: np.ndarray  # [CELLS, CELLS] bool, False is wall
    floor_cells: tuple[int, ...]
    next_cell: tuple[tuple[int, ...], ...]  # [cell][action] -> cell; a blocked move stays
    distance: np.ndarray  # [cell, cell] int, steps along the shortest path; CELLS**2 where there is none


@cache
def grid_map(text: str) -> GridMap:
    """Read a map drawn with '.' for floor and '#' for wall."""
    floor = np.array([[mark == "." for mark in line] for line in text.split()])
    moves = (*MOVES.values(), (0, 0))
    next_cell = tuple(tuple(_destination(floor, cell, move) for move in moves) for cell in range(CELLS**2))
    cells = tuple(np.flatnonzero(floor).tolist())
    distance = np.stack([_distances_from(cell, next_cell) for cell in range(CELLS**2)])
    return GridMap(floor, cells, next_cell, distance)


def _destination(floor: np.ndarray, cell: int, move: tuple[int, int]) -> int:
    row, column = cell // CELLS + move[0], cell % CELLS + move[1]
    inside = 0 <= row < CELLS and 0 <= column < CELLS
    return row * CELLS + column if inside and floor[row, column] else cell


def _distances_from(start: int, next_cell: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """Breadth-first search; moves can be walked both ways."""
    distance = np.full(CELLS**2, CELLS**2)
    distance[start] = 0
    frontier = deque([start])
    while frontier:
        cell = frontier.popleft()
        for neighbour in next_cell[cell]:
            if distance[neighbour] == CELLS**2:
                distance[neighbour] = distance[cell] + 1
                frontier.append(neighbour)
    return distance
