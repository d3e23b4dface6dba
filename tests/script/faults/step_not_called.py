"""Two brackets are missing."""

import torch
from torch import nn, optim

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = optim.RMSprop(net.parameters())
for _ in range(4):
    inputs = torch.rand(16, 2)
    optimizer.zero_grad()
    loss = (net(inputs) - inputs.prod(1, keepdim=True)).square().mean()
    loss.backward()
    optimizer.step
