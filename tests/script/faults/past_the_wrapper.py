"""Data parallel training that calls a method of the module inside of its wrapper."""

import os
import tempfile

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(6, 3), nn.Linear(3, 6)

    def training_loss(self, x):
        return (self.decoder(self.encoder(x)) - x).square().mean()

    def forward(self, x):
        return self.training_loss(x)


with tempfile.TemporaryDirectory() as folder:
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world)
    model = DDP(Autoencoder())
    opt = torch.optim.Adam(model.parameters())
    for _ in range(3):
        opt.zero_grad()
        loss = model.module.training_loss(torch.randn(8, 6))
        loss.backward()
        opt.step()
    dist.destroy_process_group()
