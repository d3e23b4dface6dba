"""What a linear map reads out of a representation with hardly more distinct values than dimensions."""

import numpy as np
import pytest

from jepa_world_model.evaluation.linear_probe import PENALTIES, LinearProbe, halves, readout


def r2(z: np.ndarray, targets: np.ndarray, penalty: float) -> float:
    """As the readout, with one penalty."""
    fit, judge = halves(len(z))
    probe = LinearProbe(z[fit].reshape(-1, z.shape[-1]), targets[fit].reshape(-1, targets.shape[-1]), penalty)
    errors = np.square(probe(z[judge]) - targets[judge]).sum()
    return float(1 - errors / np.square(targets[judge] - targets[fit].mean(axis=(0, 1))).sum())


def test_more_dimensions_than_distinct_frames_are_no_reason_to_read_out_anything() -> None:
    for seed in range(5):
        random = np.random.default_rng(seed)
        z = random.normal(size=(30, 4, 64))
        targets = z[..., :1] + 0.5 * random.normal(size=(30, 4, 1))
        found = [r2(z, targets, penalty) for penalty in PENALTIES]
        assert min(found) < 0
        assert (readout(z, targets).value or -1) >= max(found) - 0.1


def test_what_is_linear_is_read_out_whole() -> None:
    z = np.random.default_rng(0).normal(size=(8, 50, 6))
    assert readout(z, z[..., :2] @ np.array([[1.0, 2.0], [3.0, -1.0]])).value == pytest.approx(1, abs=1e-3)


def test_two_episodes_are_enough_to_fit_on_one() -> None:
    z = np.random.default_rng(0).normal(size=(2, 50, 3))
    assert readout(z, z[..., :1]).value == pytest.approx(1, abs=0.01)
