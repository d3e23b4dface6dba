"""Everything is there, in the wrong order."""

import torch

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.SiLU(), torch.nn.Linear(16, 1))
adam = torch.optim.Adam(net.parameters())
for x in torch.randn(6, 32, 3):
    loss = torch.nn.functional.huber_loss(net(x).squeeze(1), x.sum(1))
    loss.backward()
    adam.zero_grad()
    adam.step()
