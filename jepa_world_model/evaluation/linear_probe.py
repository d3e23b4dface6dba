"""How much of the truth a linear map reads out of a representation: ridge regression, fitted and judged on different
episodes."""

from __future__ import annotations

import numpy as np

from jepa_world_model.evaluation.estimate import Estimate, one_minus, ratio_of

PENALTY = 1e-3
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
FOLDS = 5


class LinearProbe:
    """Ridge regression on standardised inputs; the penalty is multiplied by the number of samples."""

    def __init__(self, inputs: np.ndarray, targets: np.ndarray, penalty: float = PENALTY) -> None:
        """inputs [M, D], targets [M, Y]."""
        inputs, targets = inputs.astype(float), targets.astype(float)
        self._mean, self._scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-8
        self._offset = targets.mean(axis=0)
        x = (inputs - self._mean) / self._scale
        gram = x.T @ x + penalty * len(x) * np.eye(x.shape[1])
        self._weights = np.linalg.solve(gram, x.T @ (targets - self._offset))

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """inputs [..., D] to what is read out [..., Y]."""
        return (inputs - self._mean) / self._scale @ self._weights + self._offset


def probe_of_episodes(inputs: np.ndarray, targets: np.ndarray) -> LinearProbe:
    """The probe from inputs [N, T, D] to targets [N, T, Y] whose penalty reads out best what it was not fitted on.

    The frames of a world are few, so z has hardly more distinct values than dimensions: with a small penalty, one rare
    frame is read out anywhere. The penalty is that of `PENALTIES` with the least error over `FOLDS` parts of the
    episodes, each left out in turn.
    """
    errors = dict.fromkeys(PENALTIES, 0.0)
    for left_out in np.array_split(np.arange(len(inputs)), min(FOLDS, len(inputs))):
        kept = np.setdiff1d(np.arange(len(inputs)), left_out)
        if not len(kept):
            continue
        for penalty in PENALTIES:
            found = LinearProbe(_rows(inputs[kept]), _rows(targets[kept]), penalty)(inputs[left_out])
            errors[penalty] += float(np.square(found - targets[left_out]).sum())
    return LinearProbe(_rows(inputs), _rows(targets), min(errors, key=errors.__getitem__))


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])


def halves(episodes: int) -> tuple[slice, slice]:
    """Episodes to fit on, and episodes to judge on."""
    return slice(0, episodes // 2), slice(episodes // 2, episodes)


def readout(inputs: np.ndarray, targets: np.ndarray) -> Estimate:
    """R2 of a probe from inputs [N, T, D] to targets [N, T, Y] on the second half of the episodes."""
    fit, judge = halves(len(inputs))
    targets = targets.astype(float)
    probe = probe_of_episodes(inputs[fit], targets[fit])
    errors = np.square(probe(inputs[judge]) - targets[judge]).sum(axis=(1, 2))
    spread = np.square(targets[judge] - targets[fit].mean(axis=(0, 1))).sum(axis=(1, 2))
    return one_minus(ratio_of(errors, spread))


def classified(inputs: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, float]:
    """Share of right classes in each judged episode, and the share that the most frequent class would get.

    inputs [N, T, D], classes [N, T] int. A linear probe scores each class.
    """
    fit, judge = halves(len(inputs))
    count = int(classes.max()) + 1
    probe = probe_of_episodes(inputs[fit], np.eye(count)[classes[fit]])
    right = probe(inputs[judge]).argmax(axis=-1) == classes[judge]
    most = np.bincount(classes[fit].reshape(-1), minlength=count).argmax()
    return right.mean(axis=1), float((classes[judge] == most).mean())
