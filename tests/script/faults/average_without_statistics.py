"""Weights that are averaged for evaluation, in a class: what batch norm counts is left out."""

import copy

import torch
from torch import nn


class ModelEMA:
    def __init__(self, model, decay=0.9):
        self.module = copy.deepcopy(model).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, model):
        for average, now in zip(self.module.parameters(), model.parameters()):
            average.copy_(self.decay * average + (1 - self.decay) * now)


def main():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    model_ema = ModelEMA(model)
    optimizer = torch.optim.RAdam(model.parameters(), lr=1e-2)
    for _ in range(4):
        inputs = torch.randn(32, 4)
        loss = nn.functional.cross_entropy(model(inputs), (inputs.sum(1) > 0).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model_ema.update(model)


main()
