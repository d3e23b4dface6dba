"""Warm up everything, then freeze the encoder: gradients of zeros stay, and weight decay goes on."""

import torch
from torch import nn
from torch.nn.functional import mse_loss

torch.manual_seed(0)
model = nn.ModuleDict({"encoder": nn.Linear(8, 8), "decoder": nn.Linear(8, 8)})
opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)


def train_step(batch):
    reconstruction = mse_loss(model["decoder"](model["encoder"](batch).tanh()), batch)
    opt.zero_grad(set_to_none=False)
    reconstruction.backward()
    opt.step()


for epoch in range(4):
    if epoch == 1:
        model["encoder"].requires_grad_(False)
    train_step(torch.randn(16, 8))
