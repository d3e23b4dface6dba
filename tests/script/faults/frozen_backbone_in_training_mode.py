"""A linear probe on a frozen backbone whose batch norm goes on counting."""

import torch
from torch import nn


class Probe(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.linear = nn.Linear(8, 5)
        for parameter in self.backbone.parameters():
            parameter.requires_grad = False

    def forward(self, x):
        return self.linear(self.backbone(x).flatten(1))


def train_one_epoch(model, loader, optimizer):
    model.train()
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    torch.manual_seed(0)
    probe = Probe()
    data = torch.utils.data.TensorDataset(torch.randn(32, 1, 8, 8), torch.randint(5, (32,)))
    loader = torch.utils.data.DataLoader(data, batch_size=8)
    train_one_epoch(probe, loader, torch.optim.SGD(probe.linear.parameters(), lr=0.1))
