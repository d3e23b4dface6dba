"""Proprioception, a small vector beside each frame, as the encoder sees it."""

import numpy as np
import torch
from torch import Tensor, nn

from jepa_world_model.modules.heads import mlp

HIDDEN = 64


class Proprioception(nn.Module):
    """An MLP on vectors that are normalised by what is stored with its weights."""

    mean: Tensor
    spread: Tensor

    def __init__(self, width: int, width_out: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))
        self.layers = mlp(width, HIDDEN, width_out)

    @torch.no_grad()
    def normalise(self, mean: np.ndarray, spread: np.ndarray) -> None:
        """From now on see (s - mean) / spread, both [P]; a number that never varies is seen as 0."""
        self.mean.copy_(torch.from_numpy(mean))
        self.spread.copy_(torch.from_numpy(np.where(spread > 0, spread, 1.0)))

    def forward(self, s: Tensor) -> Tensor:
        """Vectors [..., P] to [..., width_out]."""
        return self.layers((s - self.mean) / self.spread)
