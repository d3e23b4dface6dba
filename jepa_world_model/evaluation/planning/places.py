"""Points that count as one place where they are near each other."""

from __future__ import annotations

from itertools import product

import numpy as np


class Places:
    """Numbered places [D], none closer to another than a radius.

    A lattice would not do: in many dimensions two points a step apart may round to the same corner of it. It only
    sorts the points, by their shadows on a plane, so that few have to be compared.
    """

    def __init__(self, radius: float, plane: np.ndarray | None = None) -> None:
        """`plane` [2, D] holds two directions at right angles in which the points differ; else the first two axes."""
        self._radius, self._plane = radius, plane
        self._points: list[np.ndarray] = []
        self._by_square: dict[tuple[int, int], list[int]] = {}

    def __len__(self) -> int:
        return len(self._points)

    def find(self, point: np.ndarray) -> int | None:
        """The number of a known place that a point is near."""
        row, column = self._square(point)
        for down, right in product((-1, 0, 1), repeat=2):
            for number in self._by_square.get((row + down, column + right), ()):
                apart = point - self._points[number]
                if apart @ apart < self._radius**2:
                    return number
        return None

    def added(self, point: np.ndarray) -> bool:
        """Whether a point was a new place; now it is known."""
        if self.find(point) is not None:
            return False
        self._by_square.setdefault(self._square(point), []).append(len(self._points))
        self._points.append(point)
        return True

    def _square(self, point: np.ndarray) -> tuple[int, int]:
        x, y = (point[:2] if self._plane is None else self._plane @ point) / self._radius
        return int(x // 1), int(y // 1)
