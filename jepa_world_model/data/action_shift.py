"""Whether actions are off by one: which of them the change between two frames tells best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jepa_world_model.data.episodes import Episode

SHIFTS = (0, -1, 1)
BLOCKS = 4
MOST_PAIRS = 2000
FEWEST_PAIRS = 64
RIDGE = 1e-2
CLEAR, MORE, SHARE = 0.1, 0.07, 0.2
"""A shift is believed if it explains this share of the actions at least, and so much more than no shift does: in all,
and as a share of what it explains."""


def easier_shift(episodes: Sequence[Episode]) -> int:
    """-1 or 1 if the change from frame t to t + 1 tells action t - 1 or t + 1 much better than action t; else 0."""
    pairs = _some_pairs(episodes)
    if sum(len(features) for features, _ in pairs) < FEWEST_PAIRS or len(pairs) < 2:
        return 0
    explained = {shift: _explained(pairs, shift) for shift in SHIFTS}
    best = max(SHIFTS, key=lambda shift: explained[shift])
    more = explained[best] - max(explained[0], 0.0)
    return best if explained[best] > CLEAR and more > max(MORE, SHARE * explained[best]) else 0


Pair = tuple[np.ndarray, np.ndarray]


def _some_pairs(episodes: Sequence[Episode]) -> list[Pair]:
    """Of two episodes at least, and of no more than are needed."""
    kept, count = [], 0
    for episode in episodes:
        if len(episode) > 4 and (count < MOST_PAIRS or len(kept) < 2):
            kept.append(_pairs(episode))
            count += len(kept[-1][0])
    return kept


def _pairs(episode: Episode) -> Pair:
    """What changes from each frame to the next, [N, F], and the actions [N + 2, A] from the one before on."""
    frames = episode.frames[:MOST_PAIRS]
    grey = np.zeros(frames.shape[:3], dtype=np.float32)
    for channel in range(frames.shape[3]):
        grey += frames[..., channel]
    grey /= 255 * frames.shape[3]
    change = np.diff(grey, axis=0)[1:-1]
    before = grey[1:-2]
    down, across = (before - np.roll(before, 1, axis=axis) for axis in (1, 2))
    maps = np.stack([change, change * down, change * across, np.abs(change)], axis=1)
    features = np.concatenate([_blocks(maps), maps.sum(axis=(2, 3))], axis=1)
    return features, np.asarray(episode.actions[: len(frames) - 1], dtype=np.float32)


def _blocks(maps: np.ndarray) -> np.ndarray:
    """Sums over a grid of blocks, [N, F]."""
    count, kinds, height, width = maps.shape
    rows, columns = (np.linspace(0, side, BLOCKS + 1).astype(int)[:-1] for side in (height, width))
    sums = np.add.reduceat(np.add.reduceat(maps, rows, axis=2), columns, axis=3)
    return sums.reshape(count, kinds * BLOCKS * BLOCKS)


def _explained(pairs: list[Pair], shift: int) -> float:
    """The share of the variance of the actions that a linear map of the changes explains, on episodes that it is not
    fitted on."""
    shifted = [_shifted(pair, shift) for pair in pairs]
    half = max(1, len(pairs) // 2)
    x, y = map(np.concatenate, zip(*shifted[:half], strict=True))
    x_new, y_new = map(np.concatenate, zip(*shifted[half:], strict=True))
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-8
    x, x_new = (x - mean) / scale, (x_new - mean) / scale
    centre, spread = y.mean(axis=0), y.std(axis=0)
    moving = spread > 0
    if not moving.any():
        return 0.0
    y, y_new = ((values - centre)[:, moving] / spread[moving] for values in (y, y_new))
    weights = np.linalg.solve(x.T @ x + RIDGE * len(x) * np.eye(x.shape[1]), x.T @ y)
    left = np.square(y_new - x_new @ weights).mean()
    return float(1 - left / max(np.square(y_new).mean(), 1e-12))


def _shifted(pair: Pair, shift: int) -> Pair:
    """The changes from frame 1 on, with the actions of the same, the step before or the step after."""
    features, actions = pair
    return features, actions[1 + shift : 1 + shift + len(features)]
