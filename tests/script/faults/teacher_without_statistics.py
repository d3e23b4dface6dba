"""A mean teacher: its weights follow the student, its batch norm does not."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
student = nn.Sequential(nn.Linear(10, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
teacher = copy.deepcopy(student).requires_grad_(False).eval()
optimizer = torch.optim.AdamW(student.parameters(), lr=1e-2)


@torch.no_grad()
def update_teacher(momentum=0.99):
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.lerp_(fast, 1 - momentum)


for step in range(5):
    x, y = torch.randn(24, 10), torch.randint(3, (24,))
    logits = student(x)
    losses = {"supervised": F.cross_entropy(logits, y), "consistency": F.mse_loss(logits, teacher(x))}
    optimizer.zero_grad()
    sum(losses.values()).backward()
    optimizer.step()
    update_teacher()
