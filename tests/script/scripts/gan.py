"""Two networks, two optimizers, two backward calls; the generator's step goes through the discriminator."""

import torch
from torch import nn

latent_dim = 4


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(latent_dim, 16), nn.ReLU(), nn.Linear(16, 6))

    def forward(self, z):
        return self.net(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))

    def forward(self, x):
        return self.net(x)


torch.manual_seed(0)
G = Generator()
D = Discriminator()
optimizer_G = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
optimizer_D = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
criterion = nn.BCEWithLogitsLoss()

for epoch in range(3):
    for i in range(5):
        real = torch.randn(8, 6)
        valid = torch.ones(8, 1)
        fake = torch.zeros(8, 1)

        optimizer_D.zero_grad()
        z = torch.randn(8, latent_dim)
        gen = G(z)
        real_loss = criterion(D(real), valid)
        fake_loss = criterion(D(gen.detach()), fake)
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        optimizer_D.step()

        optimizer_G.zero_grad()
        g_loss = criterion(D(gen), valid)
        g_loss.backward()
        optimizer_G.step()
        print(f"[{epoch}/{i}] D {d_loss.item():.3f} G {g_loss.item():.3f}")
