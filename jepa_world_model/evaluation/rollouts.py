"""Open-loop rollouts: from frames that were seen, the actions that were taken, and nothing else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jepa_world_model.evaluation.subject import EvaluatedModel, Traces

DEPTH = 16
WARM_UP = 4
"""Frames that are seen before the model imagines."""
STRIDE = 8
"""Steps between two starts of an episode."""


class Rollouts(NamedTuple):
    """R rollouts: of which episode, after which frame, and what was imagined one to DEPTH steps after it."""

    episode: np.ndarray
    """[R]"""
    start: np.ndarray
    """[R]"""
    z: np.ndarray
    """[R, DEPTH, Dz]"""


def rollouts(subject: EvaluatedModel, traces: Traces, actions: np.ndarray) -> Rollouts:
    """Every STRIDE steps from frame WARM_UP on; none where trajectories are too short. actions [N, T, A]."""
    count, length = actions.shape[:2]
    starts = np.arange(WARM_UP - 1, length - DEPTH, STRIDE)
    episode, start = (grid.ravel() for grid in np.meshgrid(np.arange(count), starts, indexing="ij"))
    z, h, found = traces.z[episode, start], traces.h[episode, start], []
    for step in range(DEPTH):
        z, h = subject.predict(z, h, actions[episode, start + step])
        found.append(z)
    return Rollouts(episode, start, np.stack(found, axis=1))
