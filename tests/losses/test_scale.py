"""The trimmed mean by which q gets its scale."""

from __future__ import annotations

import pytest
import torch

from jepa_world_model.losses import LOSSES
from jepa_world_model.losses.place_pose import weighted_trimmed_mean
from jepa_world_model.losses.pose import trimmed_mean


def test_equal_weights_make_it_the_trimmed_mean() -> None:
    values = torch.randn(4, 6, generator=torch.Generator().manual_seed(0)).abs()
    assert weighted_trimmed_mean(values, torch.full_like(values, 0.3)) == pytest.approx(trimmed_mean(values).item())


def test_what_has_no_weight_does_not_count() -> None:
    values = torch.tensor([0.0, 0.0, 0.0, 5.0, 9.0, 0.0, 7.0, 100.0])
    weights = (values > 0).float()
    assert weighted_trimmed_mean(values, weights) == pytest.approx(8.0)  # of 5, 7, 9, 100 the middle two
    assert weighted_trimmed_mean(values, torch.zeros(8)) == 0


def scale_of(moving: int) -> torch.Tensor:
    """scale_q of a window of 8 steps, of which so many move q by one and z by much, and the others nothing."""
    moved = torch.tensor([1.0] * moving + [0.0] * (8 - moving))
    q = torch.cat([torch.zeros(1), moved.cumsum(0)])[None, :, None] * torch.tensor([1.0, 0.0])
    z = torch.cat([torch.zeros(1), moved.cumsum(0)])[None, :, None].expand(1, 9, 4) * 10
    return LOSSES["scale_q"].function(q.requires_grad_(), z)


@pytest.mark.parametrize("moving", [8, 5, 2, 1])
def test_steps_that_move_nothing_do_not_shrink_the_scale(moving: int) -> None:
    """Where most actions turn, the middle half of all steps would have length zero, and ask the others to grow."""
    assert scale_of(moving).item() == pytest.approx(0, abs=1e-10)


def test_where_nothing_moves_it_asks_for_nothing() -> None:
    loss = scale_of(0)
    loss.backward()
    assert loss.isfinite()
