"""A vector-quantized autoencoder: straight-through gradient, codebook and commitment losses, a dict of losses."""

import torch
from torch import nn
from torch.nn import functional as F


class Quantizer(nn.Module):
    def __init__(self, codes, dim):
        super().__init__()
        self.codebook = nn.Embedding(codes, dim)
        self.codebook.weight.data.uniform_(-1, 1)

    def forward(self, z):
        index = torch.cdist(z, self.codebook.weight).argmin(dim=1)
        q = self.codebook(index)
        losses = {
            "codebook": F.mse_loss(q, z.detach()),
            "commitment": F.mse_loss(z, q.detach()),
        }
        return z + (q - z).detach(), losses


class VQVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 4))
        self.quantizer = Quantizer(12, 4)
        self.decoder = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 10))

    def forward(self, x):
        q, losses = self.quantizer(self.encoder(x))
        losses["reconstruction"] = F.l1_loss(self.decoder(q), x)
        return losses


weights = {"reconstruction": 1.0, "codebook": 1.0, "commitment": 0.25}
torch.manual_seed(0)
net = VQVAE()
optim = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for it in range(4):
    loss_dict = net(torch.randn(16, 10))
    total = sum(weights[name] * value for name, value in loss_dict.items())
    optim.zero_grad()
    total.backward()
    optim.step()
