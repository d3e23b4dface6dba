"""A beta-VAE that prints its whole loss, and trains a part of it."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(10, 2 * 3), nn.Linear(3, 10)

    def forward(self, x):
        mu, log_var = self.encoder(x).chunk(2, dim=-1)
        z = mu + torch.randn_like(mu) * (0.5 * log_var).exp()
        return self.decoder(z), mu, log_var


def loss_fn(x, x_hat, mu, log_var):
    recon_loss = F.mse_loss(x_hat, x)
    kl_loss = -0.5 * torch.mean(1 + log_var - mu.pow(2) - log_var.exp())
    return recon_loss, kl_loss


vae = VAE()
optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3)
for step in range(5):
    x = torch.randn(16, 10)
    recon_loss, kl_loss = loss_fn(x, *vae(x))
    loss = recon_loss + 0.1 * kl_loss
    optimizer.zero_grad()
    recon_loss.backward()
    optimizer.step()
    print(f"step {step}: loss {loss.item():.3f} kl {kl_loss.item():.3f}")
