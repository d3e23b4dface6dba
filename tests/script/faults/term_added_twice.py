"""Losses in a dictionary: one is added by name before all are."""

import torch
import torch.nn as nn

torch.manual_seed(0)
net = nn.ModuleDict({"trunk": nn.Linear(6, 8), "classes": nn.Linear(8, 3), "size": nn.Linear(8, 1)})
opt = torch.optim.SGD(net.parameters(), lr=0.05)
cross_entropy, mse = nn.CrossEntropyLoss(), nn.MSELoss()

for epoch in range(4):
    features = torch.relu(net["trunk"](torch.randn(20, 6)))
    losses = {
        "classes": cross_entropy(net["classes"](features), torch.randint(3, (20,))),
        "size": mse(net["size"](features), torch.rand(20, 1)),
        "sparsity": features.abs().mean(),
    }
    total = 0.01 * losses["sparsity"]
    for name, value in losses.items():
        total = total + value
    opt.zero_grad()
    total.backward()
    opt.step()
