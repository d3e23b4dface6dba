"""A GAN whose generator's loss is computed before the critic steps, and goes backward after."""

import torch
from torch import nn

generator, critic = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
of_generator = torch.optim.SGD(generator.parameters(), lr=0.1)
of_critic = torch.optim.SGD(critic.parameters(), lr=0.1)
for _ in range(5):
    x = torch.randn(8, 4)
    fake = generator(torch.randn(8, 4))
    g_loss = -critic(fake).mean()
    d_loss = critic(fake.detach()).mean() - critic(x).mean()
    of_critic.zero_grad()
    d_loss.backward()
    of_critic.step()
    of_generator.zero_grad()
    g_loss.backward()
    of_generator.step()
