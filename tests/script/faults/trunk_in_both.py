"""Actor and critic on one trunk, each with an optimizer of its own that holds the trunk."""

from itertools import chain

import torch
from torch import nn, optim
from torch.distributions import Categorical

torch.manual_seed(0)
trunk = nn.Sequential(nn.Linear(6, 32), nn.Tanh())
policy = nn.Linear(32, 3)
value = nn.Linear(32, 1)
pi_optimizer = optim.Adam(chain(trunk.parameters(), policy.parameters()), lr=3e-4)
vf_optimizer = optim.Adam(chain(trunk.parameters(), value.parameters()), lr=1e-3)

for update in range(10):
    obs, returns = torch.randn(64, 6), torch.randn(64)
    features = trunk(obs)
    values = value(features).squeeze(-1)
    dist = Categorical(logits=policy(features))
    pi_loss = -(dist.log_prob(dist.sample()) * (returns - values).detach()).mean()
    vf_loss = (returns - values).pow(2).mean()
    pi_optimizer.zero_grad()
    vf_optimizer.zero_grad()
    (pi_loss + vf_loss).backward()
    pi_optimizer.step()
    vf_optimizer.step()
