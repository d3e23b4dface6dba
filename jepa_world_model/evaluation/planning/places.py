"""Points that count as one place where they are near each other."""

from __future__ import annotations

import numpy as np

AT_FIRST = 64


class Places:
    """Numbered places [D], none closer to another than a radius.

    A lattice would not do: in many dimensions two points a step apart may round to the same corner of it.
    """

    def __init__(self, radius: float) -> None:
        self._radius, self._count = radius, 0
        self._points = np.empty((0, 0))

    def __len__(self) -> int:
        return self._count

    def find(self, point: np.ndarray) -> int | None:
        """The number of the known place that a point is nearest to, if it is near."""
        if not self._count:
            return None
        apart = self._points[: self._count] - point
        squares = np.einsum("nd,nd->n", apart, apart)
        nearest = int(squares.argmin())
        return nearest if squares[nearest] < self._radius**2 else None

    def added(self, point: np.ndarray) -> bool:
        """Whether a point was a new place; now it is known."""
        if self.find(point) is not None:
            return False
        if self._count == len(self._points):
            grown = np.empty((max(AT_FIRST, 2 * self._count), len(point)))
            grown[: self._count] = self._points[: self._count] if self._count else 0
            self._points = grown
        self._points[self._count] = point
        self._count += 1
        return True
