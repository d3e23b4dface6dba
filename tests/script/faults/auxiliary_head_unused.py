"""A network with an auxiliary classifier that its forward pass has stopped calling."""

import torch
from torch import nn


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(12, 24)
        self.main = nn.Linear(24, 4)
        self.auxiliary = nn.Linear(24, 4)

    def forward(self, x):
        h = self.stem(x).relu()
        return self.main(h), self.main(h)


def train(model, batches):
    opt = torch.optim.NAdam(model.parameters(), lr=1e-3)
    for x, y in batches:
        main, auxiliary = model(x)
        main_loss = nn.functional.cross_entropy(main, y)
        aux_loss = nn.functional.cross_entropy(auxiliary, y)
        loss = main_loss + 0.3 * aux_loss
        opt.zero_grad()
        loss.backward()
        opt.step()


torch.manual_seed(0)
train(TwoHeads(), [(torch.randn(8, 12), torch.randint(4, (8,))) for _ in range(4)])
