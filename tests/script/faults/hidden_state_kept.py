"""A recurrent model that carries its state from batch to batch."""

import torch
from torch import nn

cell, head = nn.GRUCell(4, 8), nn.Linear(8, 1)
opt = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=1e-3)
h = torch.zeros(8, 8)
for _ in range(5):
    x = torch.randn(8, 4)
    h = cell(x, h)
    loss = (head(h) - x[:, :1]).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
