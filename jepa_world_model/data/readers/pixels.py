"""From pixels of any type and range to uint8."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from jepa_world_model.data.readers.raw import Camera, RawEpisode
from jepa_world_model.errors import UserError

LOOKED_AT = 8
"""Episodes whose first frames say what the range is."""


class Range(NamedTuple):
    """What the numbers of frames mean."""

    low: float
    high: float
    said: str

    def eight_bits(self, block: np.ndarray, where: str, first: int) -> np.ndarray:
        """Frames [n, H, W, C] as uint8. Raises UserError that names the frame for what is outside of the range."""
        if block.dtype == np.uint8 and self is BYTES:
            return block
        if block.dtype == np.bool_:
            return block.astype(np.uint8) * 255
        values = block.astype(np.float32 if block.dtype.itemsize <= 2 else np.float64)
        with np.errstate(invalid="ignore"):
            wrong = ~((values >= self.low) & (values <= self.high))
        if wrong.any():
            place = np.unravel_index(int(wrong.argmax()), wrong.shape)
            raise UserError(
                f"{where}, frame {first + int(place[0])}: found the value {values[place]:g} among frames of "
                f"{self.said}; correct the frame, or give all frames one range"
            )
        return ((values - self.low) * (255 / (self.high - self.low))).round().astype(np.uint8)


BYTES = Range(0, 255, "0 to 255")
DEEP = Range(0, 65535, "16 bits, 0 to 65535")
UNIT = Range(0, 1, "0 to 1")
SIGNED = Range(-1, 1, "-1 to 1")
SLACK = 1e-3


def range_of(cameras: Iterable[Camera]) -> Range:
    """Judged by the first frames of a few episodes."""
    seen = list(islice(_first_blocks(cameras), LOOKED_AT))
    if all(block.dtype in (np.uint8, np.bool_) for block in seen):
        return BYTES
    low, high = (float(np.nanmin([end(block) for block in seen])) for end in (_low, _high))
    if seen[0].dtype.kind == "f" and low >= -1 - SLACK and high <= 1 + SLACK:
        return UNIT._replace(high=max(1.0, high)) if low >= 0 else SIGNED._replace(low=min(-1.0, low))
    return DEEP if high > BYTES.high else BYTES


def camera_range(episodes: Iterable[RawEpisode], name: str) -> Range:
    """Of a camera in a data set."""
    return range_of(episode.cameras[name] for episode in episodes)


def _first_blocks(cameras: Iterable[Camera]) -> Iterator[np.ndarray]:
    for camera in cameras:
        block = next(camera.blocks(), None)
        if block is not None and block.size:
            yield block


def _low(block: np.ndarray) -> float:
    finite = block[np.isfinite(block)]
    return float(finite.min()) if finite.size else np.nan


def _high(block: np.ndarray) -> float:
    finite = block[np.isfinite(block)]
    return float(finite.max()) if finite.size else np.nan
