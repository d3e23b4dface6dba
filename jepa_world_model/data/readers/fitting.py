"""From pictures of any size to squares of one size."""

from __future__ import annotations

import numpy as np

from jepa_world_model.errors import UserError, nearest
from jepa_world_model.picture_fit import FITS


def check_fit(fit: str) -> None:
    """Raises UserError for a word that is none of them."""
    if fit not in FITS:
        raise UserError(f"data.fit: {nearest(fit, FITS)}")


def fitted(block: np.ndarray, size: int, fit: str) -> np.ndarray:
    """Pictures [n, H, W, C] uint8 as [n, size, size, C], averaged over boxes. Black is added or edges are cut if the
    pictures are not square, or they are stretched, as `fit` says."""
    height, width = block.shape[1:3]
    if (height, width) == (size, size):
        return block
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        block = block[:, top : top + side, left : left + side]
        height = width = side
    if fit != "letterbox":
        return np.stack([_resized(picture, size, size) for picture in block])
    scale = size / max(height, width)
    inner = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (size - inner[0]) // 2, (size - inner[1]) // 2
    framed = np.zeros((len(block), size, size, block.shape[3]), dtype=np.uint8)
    for place, picture in zip(framed, block, strict=True):
        place[top : top + inner[0], left : left + inner[1]] = _resized(picture, *inner)
    return framed


def _resized(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """[H, W, C] to [height, width, C], three channels at a time where there are so many."""
    from PIL import Image

    if picture.shape[:2] == (height, width):
        return picture
    channels = picture.shape[2]
    step = 3 if channels % 3 == 0 else 1
    parts = [np.ascontiguousarray(picture[..., first : first + step]) for first in range(0, channels, step)]
    images = [Image.fromarray(part if step == 3 else part[..., 0]) for part in parts]
    resized = [np.asarray(image.resize((width, height), Image.Resampling.BOX)) for image in images]
    return np.concatenate(resized, axis=2) if step == 3 else np.stack(resized, axis=2)
