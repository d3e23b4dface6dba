"""The mean of a few scalars, one for each depth of a rollout or level of a pyramid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jepa_world_model.lazy_torch import torch

if TYPE_CHECKING:
    from torch import Tensor


def mean(terms: Iterable[Tensor]) -> Tensor:
    """Scalars to their mean."""
    return torch.stack(list(terms)).mean()
