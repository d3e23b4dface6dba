"""By what real actions are normalised: mean and spread of each column, as the training episodes have them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jepa_world_model.data.episodes import EpisodeSource
from jepa_world_model.data.spec import ActionKind

MOST_EPISODES = 10_000
"""Whose actions are read; they are spread evenly."""


class ColumnStatistics:
    """Of rows of numbers that come a block at a time. Differences from the mean are summed, so that a column far from
    zero keeps its spread."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self.mean, self._squares = np.zeros(width), np.zeros(width)
        self.low, self.high = np.full(width, np.inf), np.full(width, -np.inf)
        self.is_binary = np.ones(width, dtype=bool)
        """Whether there is nothing but 0 and 1 in a column."""

    def add(self, rows: np.ndarray) -> None:
        """rows [N, A]"""
        if not len(rows):
            return
        rows = np.asarray(rows, dtype=np.float64)
        mean, seen = rows.mean(axis=0), self.count
        self.count += len(rows)
        shift = mean - self.mean
        self._squares += np.square(rows - mean).sum(axis=0) + np.square(shift) * seen * len(rows) / self.count
        self.mean = self.mean + shift * len(rows) / self.count
        self.low, self.high = np.minimum(self.low, rows.min(axis=0)), np.maximum(self.high, rows.max(axis=0))
        self.is_binary &= np.isin(rows, (0, 1)).all(axis=0)

    @property
    def spread(self) -> np.ndarray:
        """The standard deviation of each column; of one that is always the same, exactly 0."""
        spread = np.sqrt(self._squares / max(self.count, 1))
        return np.where(self.high > self.low, spread, 0.0)


@dataclass(frozen=True, eq=False)
class ActionScale:
    """A model sees (action - mean) / spread. A column that it sees as it is has mean 0 and spread 1."""

    mean: np.ndarray  # [A] float32
    spread: np.ndarray  # [A] float32, positive


def action_scale(source: EpisodeSource, indices: np.ndarray) -> ActionScale | None:
    """Of the actions of some episodes; None where all stay as they are: for choices and buttons.

    So do columns of nothing but 0 and 1 among real ones, and those that never vary.
    """
    if source.spec.action_kind is not ActionKind.REAL:
        return None
    found = ColumnStatistics(source.spec.action_width)
    for index in _spread(indices):
        found.add(source[int(index)].actions[:-1])  # the last one leads nowhere
    spread = found.spread.astype(np.float32)
    varies = (spread >= np.finfo(np.float32).tiny) & np.isfinite(spread) & ~found.is_binary
    if not varies.any():
        return None
    return ActionScale(
        np.where(varies, found.mean, 0.0).astype(np.float32), np.where(varies, spread, 1.0).astype(np.float32)
    )


def proprioception_statistics(source: EpisodeSource, indices: np.ndarray) -> ColumnStatistics:
    """Of the proprioception of some episodes that have one."""
    found = ColumnStatistics(source.spec.proprioception_width)
    for index in _spread(indices):
        vectors = source[int(index)].proprioception
        assert vectors is not None, "the spec of the source says that there is one"
        found.add(vectors)
    return found


def _spread(indices: np.ndarray) -> np.ndarray:
    chosen = np.linspace(0, len(indices) - 1, min(len(indices), MOST_EPISODES)).round().astype(int)
    return np.asarray(indices)[chosen]
