"""Where height, width and channels are in an array of pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

MOST_CHANNELS = 64
SMALLEST_SIDE = 4
MOST_STACKED = 16


class Arrangement(NamedTuple):
    """How pictures are stored."""

    shape: tuple[int, int, int]
    """[H, W, C], a stack of pictures joined on the channels."""
    turned: Callable[[np.ndarray], np.ndarray]
    """From pictures as stored to [n, H, W, C]."""


def arrangement(rest: tuple[int, ...]) -> Arrangement | None:
    """Of pictures of the shape `rest` each: (H, W), channels last or first, or a stack of these; else None."""
    if len(rest) == 2:
        return _checked((*rest, 1), lambda block: block[..., None])
    if len(rest) == 3:
        if _is_last(rest):
            return _checked(rest, lambda block: block)
        return _checked((rest[1], rest[2], rest[0]), lambda block: np.moveaxis(block, 1, -1))
    if len(rest) == 4 and rest[0] <= MOST_STACKED:
        one = arrangement(rest[1:])
        return one and _stacked(rest[0], one)
    return None


def _is_last(rest: tuple[int, ...]) -> bool:
    first, middle, last = rest
    return last < min(first, middle) or not first < min(middle, last)


def _stacked(count: int, one: Arrangement) -> Arrangement | None:
    height, width, channels = one.shape

    def turned(block: np.ndarray) -> np.ndarray:
        pictures = one.turned(block.reshape(-1, *block.shape[2:])).reshape(len(block), count, height, width, channels)
        return np.moveaxis(pictures, 1, 3).reshape(len(block), height, width, count * channels)

    return _checked((height, width, count * channels), turned)


def _checked(shape: tuple[int, ...], turned: Callable[[np.ndarray], np.ndarray]) -> Arrangement | None:
    height, width, channels = shape
    fits = min(height, width) >= SMALLEST_SIDE and 1 <= channels <= MOST_CHANNELS
    return Arrangement((height, width, channels), turned) if fits else None
