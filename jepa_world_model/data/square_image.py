"""From a picture of any size to the square frames that a model reads."""

import numpy as np
from PIL import Image


def to_square(image: Image.Image | np.ndarray, size: int) -> np.ndarray:
    """Return ``image`` as uint8 RGB [size, size, 3]; other sizes are averaged over boxes, stretched if not square."""
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    picture = picture.convert("RGB")
    if picture.size != (size, size):
        picture = picture.resize((size, size), Image.Resampling.BOX)
    return np.array(picture, dtype=np.uint8)
