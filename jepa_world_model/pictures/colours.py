"""Frames of any number of channels as pictures that can be shown."""

import numpy as np


def as_colours(frames: np.ndarray) -> np.ndarray:
    """Frames [..., H, W, C] with one channel or three: of four or more the first three, of two the first, in grey.

    A fourth channel is not drawn as opacity: a decoder that knows nothing of it would make pictures invisible.
    """
    return frames[..., : 3 if frames.shape[-1] >= 3 else 1]
