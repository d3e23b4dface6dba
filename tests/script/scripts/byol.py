"""Self-distillation with a moving average: the loss is symmetric, and per sample until the last line."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


def MLP(dim, projection_size, hidden_size=16):
    return nn.Sequential(
        nn.Linear(dim, hidden_size), nn.BatchNorm1d(hidden_size), nn.ReLU(), nn.Linear(hidden_size, projection_size)
    )


def loss_fn(x, y):
    x = F.normalize(x, dim=-1, p=2)
    y = F.normalize(y, dim=-1, p=2)
    return 2 - 2 * (x * y).sum(dim=-1)


class BYOL(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.online_encoder = nn.Sequential(nn.Linear(12, dim), nn.ReLU(), MLP(dim, 6))
        self.online_predictor = MLP(6, 6)
        self.target_encoder = copy.deepcopy(self.online_encoder)
        for p in self.target_encoder.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update_moving_average(self, beta=0.99):
        for online, target in zip(self.online_encoder.parameters(), self.target_encoder.parameters()):
            target.data = target.data * beta + (1 - beta) * online.data

    def forward(self, x1, x2):
        p1 = self.online_predictor(self.online_encoder(x1))
        p2 = self.online_predictor(self.online_encoder(x2))
        with torch.no_grad():
            t1 = self.target_encoder(x1)
            t2 = self.target_encoder(x2)
            t1.detach_()
            t2.detach_()
        loss_one = loss_fn(p1, t2.detach())
        loss_two = loss_fn(p2, t1.detach())
        loss = loss_one + loss_two
        return loss.mean()


torch.manual_seed(0)
learner = BYOL()
opt = torch.optim.Adam(learner.parameters(), lr=3e-4)
for _ in range(5):
    images = torch.randn(16, 12)
    loss = learner(images + 0.1 * torch.randn_like(images), images + 0.1 * torch.randn_like(images))
    opt.zero_grad()
    loss.backward()
    opt.step()
    learner.update_moving_average()
