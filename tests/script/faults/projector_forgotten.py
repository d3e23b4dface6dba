"""Contrastive learning in a class: the optimizer is told of the encoder alone."""

import torch
from torch import nn
from torch.nn import functional as F


class Trainer:
    def __init__(self):
        self.encoder = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))
        self.projector = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
        self.optimizer = torch.optim.Adam(self.encoder.parameters(), lr=1e-3)

    def embed(self, x):
        return F.normalize(self.projector(self.encoder(x + 0.1 * torch.randn_like(x))), dim=1)

    def fit(self, steps):
        for _ in range(steps):
            x = torch.randn(32, 16)
            info_nce = F.cross_entropy(self.embed(x) @ self.embed(x).T / 0.2, torch.arange(32))
            self.optimizer.zero_grad()
            info_nce.backward()
            self.optimizer.step()


if __name__ == "__main__":
    torch.manual_seed(0)
    Trainer().fit(10)
