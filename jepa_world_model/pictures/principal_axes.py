"""A map of vectors."""

from collections.abc import Callable

import numpy as np


def principal_axes(vectors: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """What maps vectors [M, D] to the first two principal axes of these [N, D]: [M, 2].

    Vectors with a NaN do not count.
    """
    finite = vectors[np.isfinite(vectors).all(axis=-1)]
    mean = finite.mean(axis=0) if len(finite) else np.zeros(vectors.shape[-1])
    axes = np.linalg.svd(finite - mean, full_matrices=False)[2][:2].T if len(finite) else np.zeros((len(mean), 0))

    def flat(others: np.ndarray) -> np.ndarray:
        found = (others - mean) @ axes
        return np.pad(found, ((0, 0), (0, 2 - found.shape[1])))

    return flat
