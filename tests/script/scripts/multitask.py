"""Three tasks on one trunk, weighed by learned uncertainty; the losses are a list."""

import torch
import torch.nn as nn

torch.manual_seed(0)


class MultiTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(9, 16), nn.ReLU())
        self.depth = nn.Linear(16, 1)
        self.segmentation = nn.Linear(16, 4)
        self.normals = nn.Linear(16, 3)
        self.log_vars = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        f = self.trunk(x)
        return self.depth(f), self.segmentation(f), self.normals(f.detach())


model = MultiTask()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
ce, l1, mse = nn.CrossEntropyLoss(), nn.L1Loss(), nn.MSELoss()


def step(x, d, s, n):
    depth, seg, normals = model(x)
    loss_depth = l1(depth, d)
    loss_seg = ce(seg, s)
    loss_normals = mse(normals, n)
    loss = 0
    for i, task_loss in enumerate([loss_depth, loss_seg, loss_normals]):
        precision = torch.exp(-model.log_vars[i])
        loss += precision * task_loss + model.log_vars[i]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


while True:
    value = step(torch.randn(8, 9), torch.randn(8, 1), torch.randint(0, 4, (8,)), torch.randn(8, 3))
    if value < 0:
        break
