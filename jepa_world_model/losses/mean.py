"""The mean of a few scalars, one for each depth of a rollout or level of a pyramid."""

from collections.abc import Iterable

import torch
from torch import Tensor


def mean(terms: Iterable[Tensor]) -> Tensor:
    """Scalars to their mean."""
    return torch.stack(list(terms)).mean()
