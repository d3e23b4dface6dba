"""Denoising diffusion with a text condition from a frozen encoder, a DataLoader, and an exponential moving average."""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    steps: int = 10
    dim: int = 6
    batch_size: int = 8
    epochs: int = 2


class UNet(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(1, 16), nn.SiLU(), nn.Linear(16, 16))
        self.down = nn.Linear(dim, 16)
        self.mid = nn.Linear(16, 16)
        self.up = nn.Linear(32, dim)

    def forward(self, x, t, cond):
        emb = self.time_mlp(t[:, None].float() / 10)
        h = F.silu(self.down(x))
        m = F.silu(self.mid(h) + emb + cond)
        return self.up(torch.cat([h, m], dim=1))


class GaussianDiffusion(nn.Module):
    def __init__(self, model, steps):
        super().__init__()
        self.model = model
        self.register_buffer("alphas_cumprod", torch.cumprod(1 - torch.linspace(1e-4, 0.02, steps), 0))

    def q_sample(self, x, t, noise):
        a = self.alphas_cumprod[t][:, None]
        return a.sqrt() * x + (1 - a).sqrt() * noise

    def forward(self, x, cond):
        t = torch.randint(0, len(self.alphas_cumprod), (x.shape[0],))
        noise = torch.randn_like(x)
        return F.mse_loss(self.model(self.q_sample(x, t, noise), t, cond), noise)


class Trainer:
    def __init__(self, config: Config):
        self.config = config
        self.diffusion = GaussianDiffusion(UNet(config.dim), config.steps)
        self.ema = copy.deepcopy(self.diffusion).eval().requires_grad_(False)
        self.text_encoder = nn.Embedding(5, 16).requires_grad_(False)
        self.opt = torch.optim.AdamW(self.diffusion.parameters(), lr=1e-3)
        data = TensorDataset(torch.randn(16, config.dim), torch.randint(0, 5, (16,)))
        self.loader = DataLoader(data, batch_size=config.batch_size, shuffle=True)

    @torch.no_grad()
    def update_ema(self, decay=0.99):
        for p, e in zip(self.diffusion.parameters(), self.ema.parameters()):
            e.lerp_(p, 1 - decay)

    def train(self):
        for _ in range(self.config.epochs):
            for x, token in self.loader:
                loss = self.diffusion(x, self.text_encoder(token))
                self.opt.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.diffusion.parameters(), 1.0)
                self.opt.step()
                self.update_ema()


if __name__ == "__main__":
    torch.manual_seed(0)
    Trainer(Config()).train()
